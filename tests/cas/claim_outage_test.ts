/** The holder of an archive after an outage of the store. */

import assert from "node:assert/strict";
import { BlobError } from "../../blobstores/blob_store.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import { Claim } from "../../cas/engine/claim.ts";
import type { EngineClock } from "../../cas/engine/clock.ts";
import { answerKey, callKey } from "../../cas/engine/names.ts";
import { Retry } from "../../cas/engine/retry.ts";
import { hasher } from "./packs_rig.ts";

const CHECK_MS = 5000;
const OUTAGE_MS = 600_000;

/** Away for ten minutes of a clock that goes as fast as others sleep. */
class AwayStore extends MemoryStore {
  timeMs = 0;
  /** When somebody asked it for something. */
  readonly askedMs: number[] = [];

  override head(key: string): ReturnType<MemoryStore["head"]> {
    this.askedMs.push(this.timeMs);
    if (this.timeMs >= OUTAGE_MS) return super.head(key);
    const fault = new BlobError("no route to host", {
      code: "Unavailable",
      retryable: true,
    });
    return Promise.reject(fault);
  }
}

function contextOf(
  store: MemoryStore,
  clock: EngineClock,
  signal: AbortSignal,
): ConstructorParameters<typeof Claim>[0] {
  const onEvent = (): void => {};
  return {
    store,
    hasher,
    clock,
    random: (length) => new Uint8Array(length),
    onEvent,
    retry: new Retry({ clock, onEvent, signal }),
  };
}

Deno.test("who has called when the store is back is answered as soon as at other times, and a store that is away is not pestered", async () => {
  const space = new MemorySpace();
  const store = new AwayStore({ space });
  space.blobs.set(callKey(1, 1), new Uint8Array(1));
  const done = new AbortController();
  const { promise: answered, resolve } = Promise.withResolvers<number>();
  const clock = {
    nowMs: () => store.timeMs,
    yieldNow: () => Promise.resolve(),
    sleep(delayMs: number): Promise<void> {
      store.timeMs += delayMs;
      if (space.blobs.has(answerKey(1, 1))) resolve(store.timeMs - delayMs);
      return new Promise((wake) => setTimeout(wake));
    },
  };
  const context = contextOf(store, clock, done.signal);
  new Claim(context, 1).watch(CHECK_MS, done.signal);
  const answeredMs = await answered;
  done.abort();
  assert.ok(answeredMs - OUTAGE_MS <= CHECK_MS, `${answeredMs} ms`);
  const asked = store.askedMs.filter((timeMs) => timeMs < OUTAGE_MS);
  assert.ok(asked.length <= OUTAGE_MS / CHECK_MS + 10, `${asked.length} times`);
});

Deno.test("who gives the archive back asks a store that refuses no more", async () => {
  class RefusingStore extends MemoryStore {
    asked = 0;

    override head(): ReturnType<MemoryStore["head"]> {
      this.asked++;
      return Promise.reject(
        new BlobError("not with these keys", { code: "PermissionDenied" }),
      );
    }
  }
  const store = new RefusingStore();
  const closing = new AbortController();
  const done = new AbortController();
  const { promise: refused, resolve } = Promise.withResolvers<void>();
  const clock = {
    nowMs: () => 0,
    yieldNow: () => Promise.resolve(),
    sleep(_delayMs: number, signal?: AbortSignal): Promise<void> {
      if (store.asked >= 3) resolve();
      if (signal?.aborted === true) return Promise.resolve();
      return new Promise((wake) => setTimeout(wake));
    },
  };
  const context = contextOf(store, clock, closing.signal);
  const claim = new Claim(context, 1);
  claim.watch(CHECK_MS, done.signal);
  await refused;
  done.abort();
  await claim.release();
  const { asked } = store;
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((wake) => setTimeout(wake));
  }
  assert.equal(store.asked, asked);
});
