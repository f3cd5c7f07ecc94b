import assert from "node:assert/strict";
import {
  BlobError,
  blobErrorCode,
  type BlobStore,
} from "../../blobstores/blob_store.ts";
import { testBlobStore } from "../../blobstores/conformance.ts";
import {
  type Fault,
  FaultyStore,
  randomFaults,
  type ScriptedFault,
  scriptedFaults,
} from "../../blobstores/faults.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import { seededDice } from "./dice.ts";

const sleep = (): Promise<void> => Promise.resolve();

function faulty(store: BlobStore, script: ScriptedFault[]): FaultyStore {
  return new FaultyStore(store, { choose: scriptedFaults(script), sleep });
}

testBlobStore("faults with an empty script", () => {
  const space = new MemorySpace();
  return Promise.resolve({
    open: () => Promise.resolve(faulty(new MemoryStore({ space }), [])),
  });
});

Deno.test("a fault before the effect leaves the store as it was", async () => {
  const memory = new MemoryStore();
  const fault: Fault = { code: "Unavailable" };
  const store = faulty(memory, [{ name: "put", fault }]);
  await assert.rejects(store.put("a", new Uint8Array(1)), (error) => {
    assert.ok(error instanceof BlobError);
    assert.deepEqual([error.code, error.retryable], ["Unavailable", true]);
    return true;
  });
  assert.equal(await memory.head("a"), null);
  await store.put("a", new Uint8Array(1));
  assert.notEqual(await memory.head("a"), null);
});

Deno.test("a fault after the effect leaves the caller in the dark", async () => {
  const memory = new MemoryStore();
  const fault: Fault = { code: "Timeout", afterEffect: true, permanent: true };
  const store = faulty(memory, [{ name: "put", fault }]);
  await assert.rejects(
    store.put("a", new Uint8Array(1), { ifAbsent: true }),
    (error) => error instanceof BlobError && !error.retryable,
  );
  assert.deepEqual(await memory.head("a"), { key: "a", size: 1 });
});

Deno.test("a script chooses by operation, key, skip and times", async () => {
  const memory = new MemoryStore();
  await memory.put("packs/a", new Uint8Array(3));
  await memory.put("roots/a", new Uint8Array(3));
  const fault: Fault = { code: "Unavailable" };
  const store = faulty(memory, [
    { name: "get", keyPrefix: "packs/", skip: 1, times: 2, fault },
    { name: "hold", fault },
    { name: "list", times: Infinity, fault: { ...fault, afterEffect: true } },
    { name: "head", fault },
  ]);
  const outcomes: string[] = [];
  for (const key of ["packs/a", "roots/a", "packs/a", "packs/a", "packs/a"]) {
    outcomes.push(await store.get(key).then(() => "ok", blobErrorCode));
  }
  assert.deepEqual(outcomes, ["ok", "ok", "Unavailable", "Unavailable", "ok"]);
  await assert.rejects(store.hold!(), /hold/);
  await assert.rejects(store.head("packs/a"), /head/);
  const keys: string[] = [];
  await assert.rejects(async () => {
    for await (const { key } of store.list("")) keys.push(key);
  }, /list/);
  assert.deepEqual(keys, ["packs/a", "roots/a"]);
});

Deno.test("bodies are damaged on the way in and on the way out, in copies", async () => {
  const memory = new MemoryStore();
  const body = Uint8Array.of(1, 2, 3, 4);
  await memory.put("a", body);
  const store = faulty(memory, [
    { name: "get", fault: { truncateBytes: 1 } },
    { name: "get", skip: 1, fault: { flipBit: 8 * 5 + 1 } },
    { name: "put", fault: { flipBit: 0 } },
  ]);
  assert.deepEqual([...await store.get("a")], [1, 2, 3]);
  assert.deepEqual([...await store.get("a")], [1, 0, 3, 4]);
  assert.deepEqual([...await store.get("a")], [1, 2, 3, 4]);
  await store.put("b", body);
  assert.deepEqual([...await memory.get("b")], [0, 2, 3, 4]);
  assert.deepEqual([...body], [1, 2, 3, 4]);
});

Deno.test("a delay is slept before the operation begins", async () => {
  const slept: unknown[] = [];
  const { signal } = new AbortController();
  const store = new FaultyStore(new MemoryStore(), {
    choose: () => ({ delayMs: 250 }),
    sleep: (ms, signal): Promise<void> => {
      slept.push([ms, signal]);
      return Promise.reject(new BlobError("gave up", { code: "Cancelled" }));
    },
  });
  await assert.rejects(store.head("a", { signal }), /gave up/);
  assert.deepEqual(slept, [[250, signal]]);
});

Deno.test("faults by chance are the same for the same dice, and about as many", () => {
  const chances = {
    failBefore: 0.2,
    failAfter: 0.1,
    delay: 0.5,
    truncate: 0.1,
    flip: 0.1,
  };
  function run(seed: number): (Fault | null)[] {
    const choose = randomFaults(chances, seededDice(seed));
    return Array.from(
      { length: 2000 },
      () => choose({ name: "get", key: "a" }),
    );
  }
  const faults = run(1);
  assert.deepEqual(run(1), faults);
  assert.notDeepEqual(run(2), faults);
  function share(has: (fault: Fault) => boolean): number {
    return Math.round(
      faults.filter((fault) => has(fault!)).length / faults.length * 10,
    );
  }
  assert.equal(share(({ code, afterEffect }) => !!code && !afterEffect), 2);
  assert.equal(share(({ code, afterEffect }) => !!code && !!afterEffect), 1);
  assert.equal(share(({ delayMs }) => delayMs !== undefined), 5);
  assert.equal(share(({ truncateBytes }) => truncateBytes !== undefined), 1);
  assert.equal(share(({ flipBit }) => flipBit !== undefined), 1);
});
