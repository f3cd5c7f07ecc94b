import assert from "node:assert/strict";
import type { BlobDescription } from "../../blobstores/blob_store.ts";
import {
  blobStoreChecks,
  validateStore,
  type ValidationReport,
} from "../../blobstores/conformance.ts";
import { measureStore } from "../../blobstores/conformance/throughput.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import {
  AlteredStore,
  type Breakage,
  IgnoresIfAbsent,
  OnePage,
} from "./broken_stores.ts";

const CHECKS = blobStoreChecks.filter(({ name }) =>
  !name.includes("5 MiB") && !name.includes("given up leaves")
);

async function validate(
  Store: Breakage,
  space: MemorySpace = new MemorySpace(),
): Promise<ValidationReport> {
  let nowMs = 0;
  return await validateStore({
    open: () => Promise.resolve(new Store(space)),
    prefix: "validate-1/",
    checks: CHECKS,
    secrets: ["hush"],
    // Every look at the time is a second later: one operation a round.
    nowMs: () => nowMs += 1000,
  });
}

Deno.test("a sound store keeps everything, and nothing is left in it", async () => {
  const space = new MemorySpace();
  space.blobs.set("format", new Uint8Array(1));
  const report = await validate(AlteredStore, space);
  assert.deepEqual(report.checks.filter((it) => it.outcome !== "kept"), []);
  assert.equal(report.leftBehind, undefined);
  assert.deepEqual([...space.blobs.keys()], ["format"]);
});

Deno.test("a broken promise is named, with what was found", async () => {
  const lies = await validate(IgnoresIfAbsent);
  const broken = lies.checks.filter((it) => it.outcome === "broken");
  assert.deepEqual(broken.map(({ name }) => name), [
    "creating a blob that exists changes nothing",
    "of 32 creators of one blob exactly one wins",
    // It takes no notice of any option.
    "an operation that was given up does nothing",
  ]);
  assert.match(broken[1]!.found ?? "", /32 of 32 creators of one blob won/);
  const short = await validate(OnePage);
  assert.match(
    short.checks.find((it) => it.outcome === "broken")?.found ?? "",
    /long listing has 1000 keys, not 1101/,
  );
});

Deno.test("what cannot be deleted is told of", async () => {
  class Keeps extends AlteredStore {
    override readonly delete = undefined as unknown as MemoryStore["delete"];
  }
  assert.equal((await validate(Keeps)).leftBehind, "validate-1/");
});

Deno.test("nothing but what it put is deleted, whatever a broken store lists", async () => {
  class ListsAll extends AlteredStore {
    override list(): AsyncGenerator<BlobDescription, void, undefined> {
      return super.list("");
    }
  }
  const space = new MemorySpace();
  space.blobs.set("format", new Uint8Array(1));
  space.blobs.set("roots/1", new Uint8Array(1));
  const report = await validate(ListsAll, space);
  assert.ok(report.checks.some(({ outcome }) => outcome === "broken"));
  assert.ok(space.blobs.has("format"));
  assert.ok(space.blobs.has("roots/1"));
  assert.equal(report.leftBehind, "validate-1/");
});

Deno.test("the hold of a running server is respected", async () => {
  const space = new MemorySpace();
  const server = new MemoryStore({ space });
  const hold = await server.hold();
  const report = await validate(AlteredStore, space);
  const skipped = report.checks.filter((it) => it.outcome === "skipped");
  assert.equal(skipped.length, 2);
  assert.match(skipped[0]!.found ?? "", /running server/);
  assert.equal(space.hold, hold);
});

Deno.test("the fewest operations at once that are nearly the quickest are suggested", async () => {
  let nowMs = 0;
  let active = 0;
  let mostActive = 0;
  /** Takes four blobs a second, if so many are put at once; not more. */
  class Shared extends MemoryStore {
    override readonly capabilities = {
      createExclusive: true,
      hold: false,
      concurrencyMax: 64,
    };
    override async put(key: string, body: Uint8Array): Promise<void> {
      mostActive = Math.max(mostActive, ++active);
      await new Promise((resolve) => setTimeout(resolve, 0));
      nowMs += 1000 / Math.min(4, mostActive);
      await super.put(key, body);
      active--;
    }
    override async get(key: string): Promise<Uint8Array<ArrayBuffer>> {
      nowMs += 1000;
      return await super.get(key);
    }
  }
  const report = await measureStore(new Shared(), {
    prefix: "speed/",
    nowMs: () => nowMs,
    blobBytes: 1000,
  });
  assert.equal(report.readLatencyMs, 1000);
  assert.deepEqual(report.uploads.map((it) => it.concurrency), [1, 4, 16]);
  assert.equal(report.suggestions.concurrency, 4);
});
