import assert from "node:assert/strict";
import { type ArchivePort, FetchState } from "../../cas/archive_port.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { BlockCache } from "../../cas/front/block_cache.ts";
import { BlockView } from "../../cas/front/block_view.ts";
import { DamagedBlockError, Fetcher } from "../../cas/front/fetcher.ts";
import { FetchBudget } from "../../cas/front/fetch_budget.ts";

/** An archive that takes so long to answer, by a clock of its own. */
class Bench {
  /** Blocks of each fetch. */
  readonly fetches: number[][] = [];
  durationMs = 1;
  /** Blocks of which no pack is known. */
  readonly unknown: Set<number> = new Set();
  /** Blocks that are sought, and what answers that. */
  readonly seeks: {
    readonly blocks: number[];
    readonly answer: PromiseWithResolvers<void>;
  }[] = [];
  /** What is held back is sent when it resolves. */
  readonly timeUp: PromiseWithResolvers<void> = Promise.withResolvers();
  /** While it is set, fetches are not answered. */
  stalled: Promise<void> | undefined;
  readonly #fetcher: Fetcher;
  #nowMs = 0;

  constructor() {
    const cache = new BlockCache(BlockPool.allocate(4096));
    const view = { view: 0, blockCount: 1e6, sequence: 1 };
    const port: Pick<ArchivePort, "fetch" | "seek"> = {
      seek: ({ blocks }) => {
        const answer = Promise.withResolvers<void>();
        this.seeks.push({ blocks: [...blocks], answer });
        return answer.promise;
      },
      fetch: async ({ blocks, sought }) => {
        this.fetches.push([...blocks]);
        await new Promise((resolve) => setTimeout(resolve));
        await this.stalled;
        this.#nowMs += this.durationMs;
        const states = Uint8Array.from(
          blocks,
          (block) =>
            !this.unknown.has(block)
              ? FetchState.Zero
              : sought
              ? FetchState.Damaged
              : FetchState.Unknown,
        );
        return { sequence: 1, states };
      },
    };
    this.#fetcher = new Fetcher(
      port as ArchivePort,
      new BlockView(view, cache, undefined),
      new FetchBudget(cache, 1024, {
        nowMs: () => this.#nowMs,
        sleep: () => this.timeUp.promise,
      }),
      "disk",
    );
  }

  /** Asks for one block. */
  read(block: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = (error?: Error): void => error ? reject(error) : resolve();
      this.#fetcher.want(block, waiter);
      this.#fetcher.flush();
    });
  }

  /** Expects a block to be asked for. */
  expect(block: number): void {
    this.#fetcher.hint(block);
    this.#fetcher.flush();
  }

  /** Is slow until that is noticed. */
  async beFar(): Promise<void> {
    this.durationMs = 20;
    for (let count = 0; count < 8; count++) await this.ask(count);
  }

  /** Asks for blocks in one burst; the sizes of the fetches that they became. */
  async ask(...blocks: number[]): Promise<number[]> {
    const before = this.fetches.length;
    await Promise.all(blocks.map((block) =>
      new Promise<void>((resolve) => {
        this.#fetcher.want(block, () => resolve());
        this.#fetcher.flush();
      })
    ));
    return this.fetches.slice(before).map(({ length }) => length);
  }
}

const SCATTERED: readonly number[] = Array.from(
  { length: 16 },
  (_, index) => 1000 * index,
);

Deno.test("a burst of reads of a near archive is one fetch", async () => {
  const bench = new Bench();
  assert.deepEqual(await bench.ask(...SCATTERED), [16]);
  assert.deepEqual(await bench.ask(...SCATTERED), [16]);
});

Deno.test("no read of a far archive waits for others of its burst", async () => {
  const bench = new Bench();
  await bench.beFar();
  assert.deepEqual(
    await bench.ask(...SCATTERED),
    SCATTERED.map(() => 1),
  );
  assert.deepEqual(await bench.ask(7, 8, 9, 20), [3, 1], "neighbours do");
});

Deno.test("one fetch that is slow does not make an archive far", async () => {
  const bench = new Bench();
  bench.durationMs = 20;
  for (let count = 0; count < 7; count++) await bench.ask(count);
  bench.durationMs = 1;
  await bench.ask(7);
  bench.durationMs = 20;
  assert.deepEqual(await bench.ask(...SCATTERED), [16]);
});

Deno.test("while two small fetches are under way what is asked for is gathered", async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.stalled = promise;
  const asked = [10, 20, 30, 40].map(async (block) => {
    // Each in a burst of its own.
    for (let turn = 0; turn < block; turn++) await Promise.resolve();
    await bench.ask(block);
  });
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(bench.fetches, [[10], [20]]);
  resolve();
  await Promise.all(asked);
  assert.deepEqual(bench.fetches, [[10], [20], [30, 40]]);
});

Deno.test("what is gathered waits neither for slow fetches nor for its sixteenth block", async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.stalled = promise;
  const asked = [bench.ask(1)];
  await Promise.resolve();
  asked.push(bench.ask(1000));
  await Promise.resolve();
  asked.push(bench.ask(...SCATTERED.map((block) => block + 5)));
  await Promise.resolve();
  assert.deepEqual(bench.fetches.map(({ length }) => length), [1, 1, 16]);
  asked.push(bench.ask(2000));
  await Promise.resolve();
  assert.equal(bench.fetches.length, 3);
  bench.timeUp.resolve();
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(bench.fetches.at(-1), [2000]);
  resolve();
  await Promise.all(asked);
});

Deno.test("an archive that is quick for a while is near again", async () => {
  const bench = new Bench();
  await bench.beFar();
  bench.durationMs = 1;
  for (let count = 0; count < 63; count++) await bench.ask(count);
  assert.deepEqual(await bench.ask(100, 200), [1, 1]);
  assert.deepEqual(await bench.ask(100, 200), [2]);
});

Deno.test("blocks of which no pack is known are sought apart: no other read waits for them", async () => {
  const bench = new Bench();
  bench.unknown.add(8).add(9);
  const [lost, found] = [bench.read(8), bench.read(9)];
  bench.expect(7);
  await bench.read(10);
  assert.deepEqual(bench.fetches, [[8, 9, 7, 10]]);
  assert.deepEqual(bench.seeks.map(({ blocks }) => blocks), [[8, 9]]);
  await bench.read(11);
  bench.unknown.delete(9);
  bench.seeks[0]!.answer.resolve();
  await assert.rejects(lost, DamagedBlockError);
  await found;
  assert.equal(bench.seeks.length, 1);
  // Another time it is sought again.
  const again = bench.read(8);
  while (bench.seeks.length < 2) await bench.read(12);
  bench.unknown.delete(8);
  bench.seeks[1]!.answer.resolve();
  await again;
});

Deno.test("a block that was only expected to be wanted is not sought, until it is wanted", async () => {
  const bench = new Bench();
  bench.unknown.add(8);
  bench.expect(8);
  await bench.read(10);
  assert.equal(bench.seeks.length, 0);
  const lost = bench.read(8);
  await bench.read(11);
  assert.deepEqual(bench.seeks.map(({ blocks }) => blocks), [[8]]);
  bench.seeks[0]!.answer.reject(new Error("closed"));
  await assert.rejects(lost, /closed/);
});
