import assert from "node:assert/strict";
import { assertSame } from "./assert_same.ts";

Deno.test("assertSame() tells the first byte that differs, and what is cut off", () => {
  const bytes = new Uint8Array(2048).fill(7);
  assertSame(bytes, bytes.slice());
  const other = bytes.slice();
  other[1030] = 8;
  assert.throws(
    () => assertSame(other, bytes, "what was read"),
    /what was read differ from byte 1030 on \(sector 2\): 8, not 7/,
  );
  assert.throws(() => assertSame(bytes.subarray(0, 512), bytes), /length/);
  assert.throws(() => assertSame(bytes, bytes.subarray(0, 512)), /length/);
});
