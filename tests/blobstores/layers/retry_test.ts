import assert from "node:assert/strict";
import {
  BlobError,
  blobErrorCode,
  type BlobStore,
} from "../../../blobstores/blob_store.ts";
import {
  type Fault,
  FaultyStore,
  type ScriptedFault,
  scriptedFaults,
} from "../../../blobstores/faults.ts";
import { backoffMs } from "../../../blobstores/layers/backoff.ts";
import {
  RetryingStore,
  type RetryLayerOptions,
} from "../../../blobstores/layers/retry.ts";
import { MemoryStore } from "../../../blobstores/memory_store.ts";
import { InstantClock, TurningClock } from "./turning_clock.ts";

const AWAY: Fault = { code: "Unavailable" };
const LOST: Fault = { code: "Unavailable", afterEffect: true };
const BODY = Uint8Array.of(1, 2, 3);

interface Rig {
  readonly memory: MemoryStore;
  readonly store: RetryingStore;
  readonly clock: InstantClock;
}

function retrying(
  script: readonly ScriptedFault[],
  options: Partial<RetryLayerOptions> = {},
): Rig {
  const memory = new MemoryStore();
  const clock = new InstantClock();
  const faulty = new FaultyStore(memory, {
    choose: scriptedFaults(script),
    sleep: () => Promise.resolve(),
  });
  const store = new RetryingStore(faulty, {
    clock,
    random: () => 0.5,
    ...options,
  });
  return { memory, store, clock };
}

async function codeOf(operation: Promise<unknown>): Promise<string> {
  return await operation.then(() => "resolved", blobErrorCode);
}

Deno.test("a delay doubles up to a bound, by chance below it", () => {
  const error = new BlobError("?", { code: "Unavailable" });
  const bounds = [0, 1, 2, 8, 9, 20, 5000].map((it) => backoffMs(it, error));
  assert.deepEqual(bounds, [100, 200, 400, 25_600, 30_000, 30_000, 30_000]);
  assert.equal(backoffMs(3, error, () => 0.25), 200);
  assert.equal(backoffMs(0, error, () => 0), 0);
});

Deno.test("a store that asks for time gets it", () => {
  const error = new BlobError("?", { code: "RateLimited", retryAfterMs: 7000 });
  assert.equal(backoffMs(0, error, () => 0.1), 7000);
  assert.equal(backoffMs(9, error, () => 1), 30_000);
});

Deno.test("what fails for a moment is repeated, and told of", async () => {
  const told: unknown[] = [];
  const { store, memory, clock } = retrying(
    [
      { name: "put", fault: AWAY, times: 2 },
      { name: "get", fault: AWAY },
      { name: "head", fault: AWAY },
    ],
    { onRetry: ({ attempts, delayMs }) => told.push([attempts, delayMs]) },
  );
  await store.put("a", BODY);
  assert.deepEqual(await memory.get("a"), BODY);
  assert.deepEqual(await store.get("a"), BODY);
  assert.equal((await store.head("a"))?.size, 3);
  assert.deepEqual(clock.sleeps, [50, 100, 50, 50]);
  assert.deepEqual(told, [[1, 50], [2, 100], [1, 50], [1, 50]]);
});

Deno.test("the attempts end, and answers are not repeated", async () => {
  const { store, clock } = retrying([
    { name: "get", keyPrefix: "away", fault: AWAY, times: Infinity },
    {
      name: "get",
      keyPrefix: "denied",
      fault: { code: "PermissionDenied", permanent: true },
    },
  ], { attemptsMax: 3 });
  assert.equal(await codeOf(store.get("away")), "Unavailable");
  assert.equal(clock.sleeps.length, 2);
  assert.equal(await codeOf(store.get("denied")), "PermissionDenied");
  assert.equal(await codeOf(store.get("missing")), "NotFound");
  assert.equal(clock.sleeps.length, 2);
});

Deno.test("a creation whose answer was lost has succeeded", async () => {
  const { store, memory } = retrying([{ name: "put", fault: LOST }]);
  await store.put("a", BODY, { ifAbsent: true });
  assert.deepEqual(await memory.get("a"), BODY);
});

Deno.test("a creation that failed while another succeeded has not", async () => {
  const { store, memory } = retrying([{ name: "put", fault: AWAY }]);
  await memory.put("a", Uint8Array.of(9, 9, 9));
  const put = store.put("a", BODY, { ifAbsent: true });
  assert.equal(await codeOf(put), "AlreadyExists");
  // Without an unknown outcome nothing is read: equal bytes are another's.
  const { store: certain } = retrying([]);
  await certain.put("b", BODY, { ifAbsent: true });
  const again = certain.put("b", BODY, { ifAbsent: true });
  assert.equal(await codeOf(again), "AlreadyExists");
});

Deno.test("a listing goes on behind the last key", async () => {
  class Breaks extends MemoryStore {
    broken = 0;
    override async *list(
      ...args: Parameters<BlobStore["list"]>
    ): AsyncGenerator<{ key: string; size: number }, void, undefined> {
      let count = 0;
      for await (const blob of super.list(...args)) {
        if (++count === 2 && this.broken < 2) {
          this.broken++;
          throw new BlobError("broke off", { code: "Unavailable" });
        }
        yield blob;
      }
    }
  }
  const memory = new Breaks();
  for (const key of ["p/a", "p/b", "p/c", "p/d", "p/e"]) {
    await memory.put(key, BODY);
  }
  const store = new RetryingStore(memory, {
    clock: new InstantClock(),
    random: () => 1,
  });
  const blobs = await Array.fromAsync(store.list("p/", { startAfter: "p/a" }));
  assert.deepEqual(blobs.map(({ key }) => key), ["p/b", "p/c", "p/d", "p/e"]);
  assert.equal(memory.broken, 2);
});

Deno.test("whoever gives up does not wait for the next attempt", async () => {
  const clock = new TurningClock();
  const { store } = retrying(
    [{ name: "get", fault: AWAY, times: Infinity }],
    { clock },
  );
  const giveUp = new AbortController();
  const get = codeOf(store.get("a", { signal: giveUp.signal }));
  await clock.advance(0);
  giveUp.abort();
  assert.equal(await get, "Cancelled");
});
