import assert from "node:assert/strict";
import {
  blobErrorCode,
  type BlobStore,
} from "../../../blobstores/blob_store.ts";
import { testBlobStore } from "../../../blobstores/conformance.ts";
import { FaultyStore, scriptedFaults } from "../../../blobstores/faults.ts";
import { layered } from "../../../blobstores/layers/layered.ts";
import { MeteredStore } from "../../../blobstores/layers/metrics.ts";
import { PrefixedStore } from "../../../blobstores/layers/prefix.ts";
import { ReadOnlyStore } from "../../../blobstores/layers/read_only.ts";
import { MemorySpace, MemoryStore } from "../../../blobstores/memory_store.ts";
import { InstantClock, TurningClock } from "./turning_clock.ts";

const BODY = Uint8Array.of(1, 2, 3);

testBlobStore("all layers", () => {
  const space = new MemorySpace();
  const options = {
    watchdog: {},
    limits: { concurrency: 5, uploadBytesPerSecond: 10 ** 12 },
    retry: {},
    clock: new TurningClock(),
    random: Math.random,
  };
  return Promise.resolve({
    open: () => Promise.resolve(layered(new MemoryStore({ space }), options)),
  });
});

testBlobStore("prefix", () => {
  const space = new MemorySpace();
  return Promise.resolve({
    open: () =>
      Promise.resolve(
        new PrefixedStore(new MemoryStore({ space }), "in/here/"),
      ),
  });
}, {
  register(name, run): void {
    // The longest keys of all have no room below a prefix.
    if (!name.endsWith("every character of keys can be used")) {
      Deno.test(name, run);
    }
  },
});

Deno.test("a prefix hides everything else", async () => {
  const space = new MemorySpace();
  const all = new MemoryStore({ space });
  const part = new PrefixedStore(new MemoryStore({ space }), "part/");
  await all.put("a", BODY);
  await all.put("part0", BODY);
  await part.put("x", BODY);
  assert.equal((await all.head("part/x"))?.size, 3);
  assert.deepEqual(await Array.fromAsync(part.list("")), [
    { key: "x", size: 3 },
  ]);
  assert.equal(await part.head("a"), null);
  const long = await part.put("x".repeat(196), BODY).catch(blobErrorCode);
  assert.equal(long, "InvalidKey");
  for (const prefix of ["", "a", "/", "../", "A/"]) {
    assert.throws(() => new PrefixedStore(all, prefix), { code: "InvalidKey" });
  }
});

Deno.test("a store that is only read takes nothing and is not held", async () => {
  const memory = new MemoryStore();
  await memory.put("a", BODY);
  const store = new ReadOnlyStore(memory);
  await assert.rejects(store.put("b"), { code: "PermissionDenied" });
  assert.deepEqual(await store.get("a"), BODY);
  assert.equal(store.hold, undefined);
  assert.equal(store.capabilities.hold, false);
  assert.match(store.capabilities.createExclusiveFault ?? "", /read only/);
});

Deno.test("operations are counted with bytes, errors and times", async () => {
  const clock = new InstantClock();
  const delay = (delayMs: number): { fault: { delayMs: number } } => ({
    fault: { delayMs },
  });
  const slow = new FaultyStore(new MemoryStore(), {
    choose: scriptedFaults([
      { name: "put", ...delay(3) },
      { name: "put", ...delay(70_000), skip: 1 },
    ]),
    sleep: (ms) => clock.sleep(ms),
  });
  const store = new MeteredStore(slow, clock);
  await store.put("a", BODY);
  await store.put("b", BODY);
  await store.get("a", { range: { offset: 1, length: 2 } });
  await store.get("none").catch(() => {});
  for await (const _ of store.list("")) break;
  const { put, get, list, head } = store.metrics;
  assert.deepEqual([put?.count, put?.bytes, put?.maxMs, put?.totalMs], [
    2,
    6,
    70_000,
    70_003,
  ]);
  assert.equal(put?.latencies[2], 1);
  assert.equal(put?.latencies.at(-1), 1);
  assert.deepEqual([get?.count, get?.bytes, get?.errors], [2, 2, {
    NotFound: 1,
  }]);
  assert.deepEqual([list?.count, list?.active], [1, 0]);
  assert.equal(head, undefined);
  assert.deepEqual(structuredClone(store.metrics), store.metrics);
});

Deno.test("metrics count what the store is asked, each attempt", async () => {
  const faulty: BlobStore = new FaultyStore(new MemoryStore(), {
    choose: scriptedFaults([{ name: "put", fault: { code: "RateLimited" } }]),
    sleep: () => Promise.resolve(),
  });
  const store = layered(faulty, {
    retry: {},
    readOnly: false,
    clock: new InstantClock(),
    random: () => 1,
  });
  await store.put("a", BODY);
  assert.equal(store.metrics.put?.count, 2);
  assert.deepEqual(store.metrics.put?.errors, { RateLimited: 1 });
});
