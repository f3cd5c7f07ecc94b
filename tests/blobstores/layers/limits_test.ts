import assert from "node:assert/strict";
import { blobErrorCode } from "../../../blobstores/blob_store.ts";
import { LimitedStore } from "../../../blobstores/layers/limits.ts";
import { TokenBucket } from "../../../blobstores/layers/token_bucket.ts";
import { MemoryStore } from "../../../blobstores/memory_store.ts";
import { TurningClock, turns } from "./turning_clock.ts";

/** Counts how many operations are in it, each until it is let go. */
class Slow extends MemoryStore {
  override readonly capabilities = {
    createExclusive: true,
    hold: false,
    concurrencyMax: 8,
  };
  active = 0;
  most = 0;
  readonly leave: (() => void)[] = [];

  override async head(): Promise<null> {
    this.active++;
    this.most = Math.max(this.most, this.active);
    await new Promise<void>((resolve) => this.leave.push(resolve));
    this.active--;
    return null;
  }
}

Deno.test("no more operations run at once than are allowed", async () => {
  const slow = new Slow();
  const clock = new TurningClock();
  const store = new LimitedStore(slow, { concurrency: 3 }, clock);
  assert.equal(store.capabilities.concurrencyMax, 3);
  const all = Array.from({ length: 10 }, () => store.head("a"));
  for (let done = 0; done < 10;) {
    await turns();
    assert.equal(slow.active, Math.min(3, 10 - done));
    const leave = slow.leave.splice(0);
    done += leave.length;
    leave.forEach((it) => it());
  }
  await Promise.all(all);
  assert.equal(slow.most, 3);
});

Deno.test("the store's own limit counts where none is set or a greater one", () => {
  const clock = new TurningClock();
  for (const limits of [{}, { concurrency: 100 }]) {
    const store = new LimitedStore(new Slow(), limits, clock);
    assert.equal(store.capabilities.concurrencyMax, 8);
  }
});

Deno.test("whoever gives up loses the place in the queue, and no turn is lost", async () => {
  const slow = new Slow();
  const store = new LimitedStore(slow, { concurrency: 1 }, new TurningClock());
  const giveUp = new AbortController();
  const first = store.head("a");
  const second = store.head("b", { signal: giveUp.signal })
    .catch(blobErrorCode);
  const third = store.head("c");
  await turns();
  giveUp.abort();
  assert.equal(await second, "Cancelled");
  slow.leave.shift()!();
  await first;
  await turns();
  slow.leave.shift()!();
  await third;
  assert.equal(slow.leave.length, 0);
});

Deno.test("a listing lets what it lists be read", async () => {
  const memory = new MemoryStore();
  for (const key of ["a", "b"]) await memory.put(key, new Uint8Array(1));
  const store = new LimitedStore(
    memory,
    { concurrency: 1 },
    new TurningClock(),
  );
  let count = 0;
  for await (const { key } of store.list("")) {
    count += (await store.get(key)).length;
  }
  assert.equal(count, 2);
});

Deno.test("bytes flow at the rate, after a second's worth at once", async () => {
  const clock = new TurningClock();
  const bucket = new TokenBucket(1000, clock);
  const signal = new AbortController().signal;
  const done: number[] = [];
  for (const count of [600, 600, 1000]) {
    void bucket.take(count, signal).then(() => done.push(clock.nowMs()));
  }
  await clock.advance(5000);
  assert.deepEqual(done, [0, 0, 200]);
  // What was not used does not add up beyond a second.
  const later: number[] = [];
  await clock.advance(60_000);
  for (const count of [1000, 500, 500]) {
    void bucket.take(count, signal).then(() =>
      later.push(clock.nowMs() - 65_000)
    );
  }
  await clock.advance(5000);
  assert.deepEqual(later, [0, 0, 500]);
});

Deno.test("bytes of a caller that gave up are given back", async () => {
  const clock = new TurningClock();
  const bucket = new TokenBucket(1000, clock);
  const giveUp = new AbortController();
  const { signal } = new AbortController();
  bucket.spend(2000);
  const lost = bucket.take(60_000, giveUp.signal);
  giveUp.abort();
  await lost;
  let isDone = false;
  const next = bucket.take(10, signal).then(() => isDone = true);
  await clock.advance(1000);
  await next;
  assert.ok(isDone);
});

Deno.test("what is put and got counts, also where its length is known late", async () => {
  const clock = new TurningClock();
  const store = new LimitedStore(new MemoryStore(), {
    uploadBytesPerSecond: 1000,
    downloadBytesPerSecond: 500,
  }, clock);
  const times: number[] = [];
  async function work(): Promise<void> {
    await store.put("a", new Uint8Array(3000));
    times.push(clock.nowMs());
    await store.put("b", new Uint8Array(1));
    times.push(clock.nowMs());
    await store.get("a");
    times.push(clock.nowMs());
    await store.get("a", { range: { offset: 0, length: 1 } });
    times.push(clock.nowMs());
  }
  const working = work();
  await clock.advance(60_000);
  await working;
  assert.deepEqual(times, [0, 2000, 2000, 7000]);
});
