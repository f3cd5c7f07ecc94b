import assert from "node:assert/strict";
import { BlobError, blobErrorCode } from "../../blobstores/blob_store.ts";

Deno.test("blobErrorCode() knows a store's error by its code, not its class", () => {
  assert.equal(
    blobErrorCode(new BlobError("x", { code: "Timeout" })),
    "Timeout",
  );
  assert.equal(blobErrorCode({ code: "NotFound" }), "NotFound");
});

Deno.test("blobErrorCode() takes nothing else for a store's error", () => {
  const others = [
    undefined,
    null,
    "NotFound",
    new Error("x"),
    { code: 404 },
    { code: "ENOENT" },
    { code: "Whatever" },
  ];
  for (const other of others) assert.equal(blobErrorCode(other), "Unknown");
});

Deno.test("a BlobError is for good unless it says otherwise, and keeps its cause", () => {
  const cause = new Error("below");
  const error = new BlobError("x", { code: "NoSpace", cause });
  assert.deepEqual([error.retryable, error.retryAfterMs], [false, undefined]);
  assert.equal(error.cause, cause);
  const busy = new BlobError("x", {
    code: "RateLimited",
    retryable: true,
    retryAfterMs: 50,
  });
  assert.deepEqual([busy.retryable, busy.retryAfterMs], [true, 50]);
});
