import assert from "node:assert/strict";
import {
  type BlobError,
  blobErrorCode,
  type GetOptions,
  type PutOptions,
} from "../../../blobstores/blob_store.ts";
import { WatchedStore } from "../../../blobstores/layers/watchdog.ts";
import { MemoryStore } from "../../../blobstores/memory_store.ts";
import { TurningClock } from "./turning_clock.ts";

/** Hangs, and does not listen to anybody. */
class Hanging extends MemoryStore {
  readonly signals: (AbortSignal | undefined)[] = [];
  body: Uint8Array | undefined;

  override put(
    _key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    this.body = body;
    this.signals.push(options.signal);
    return new Promise(() => {});
  }

  override get(
    _key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.signals.push(options.signal);
    return new Promise(() => {});
  }

  override async *list(): AsyncGenerator<
    { key: string; size: number },
    void,
    undefined
  > {
    yield { key: "a", size: 1 };
    await new Promise(() => {});
  }
}

function settled(operation: Promise<unknown>): { readonly error?: BlobError } {
  const result: { error?: BlobError } = {};
  operation.catch((error) => result.error = error);
  return result;
}

Deno.test("an operation without an end is given up, as a passing failure", async () => {
  const clock = new TurningClock();
  const hanging = new Hanging();
  const store = new WatchedStore(hanging, { clock, timeoutMs: 1000 });
  const range = { offset: 0, length: 16_000 };
  const get = settled(store.get("a", { range }));
  const list = settled(Array.fromAsync(store.list("")));
  await clock.advance(1000);
  assert.deepEqual(
    [list.error?.code, list.error?.retryable],
    ["Timeout", true],
  );
  // A slow line may need another second for its bytes.
  assert.deepEqual(get, {});
  await clock.advance(1000);
  assert.equal(get.error?.code, "Timeout");
  assert.match(get.error?.message ?? "", /get "a" from memory:.*2 s/);
  assert.equal(hanging.signals[0]?.aborted, true);
});

Deno.test("a put that hangs keeps none of its caller's memory", async () => {
  const clock = new TurningClock();
  const hanging = new Hanging();
  const store = new WatchedStore(hanging, { clock, timeoutMs: 10 });
  const body = Uint8Array.of(1, 2, 3);
  const put = settled(store.put("a", body));
  await clock.advance(1000);
  assert.equal(put.error?.code, "Timeout");
  body.fill(9);
  assert.deepEqual(hanging.body, Uint8Array.of(1, 2, 3));
});

Deno.test("a store that ends what is given up gets the body itself, and is waited for", async () => {
  const clock = new TurningClock();
  class Ending extends Hanging {
    override put(
      _key: string,
      body: Uint8Array,
      { signal }: PutOptions = {},
    ): Promise<void> {
      this.body = body;
      return new Promise((_, reject) =>
        signal?.addEventListener("abort", () => {
          void clock.sleep(500, new AbortController().signal)
            .then(() => reject(new Error("ended")));
        })
      );
    }
  }
  const ending = new Ending();
  const options = { clock, timeoutMs: 1000, endsWhenAborted: true };
  const store = new WatchedStore(ending, options);
  const body = new Uint8Array(3);
  const put = settled(store.put("a", body));
  await clock.advance(1400);
  assert.equal(ending.body, body);
  assert.deepEqual(put, {});
  await clock.advance(200);
  assert.equal(blobErrorCode(put.error), "Timeout");
});

Deno.test("a caller that gives up is not kept by a store that does not listen", async () => {
  const clock = new TurningClock();
  const store = new WatchedStore(new Hanging(), { clock });
  const giveUp = new AbortController();
  const get = settled(store.get("a", { signal: giveUp.signal }));
  giveUp.abort();
  await clock.advance(0);
  assert.deepEqual(get, {});
  await clock.advance(5000);
  assert.equal(blobErrorCode(get.error), "Cancelled");
});

Deno.test("what a caller does between the steps of a listing has no limit", async () => {
  const clock = new TurningClock();
  const memory = new MemoryStore();
  for (const key of ["a", "b"]) await memory.put(key, new Uint8Array(1));
  const store = new WatchedStore(memory, { clock, timeoutMs: 10 });
  const keys: string[] = [];
  for await (const { key } of store.list("")) {
    keys.push(key);
    await clock.advance(10_000);
  }
  assert.deepEqual(keys, ["a", "b"]);
});
