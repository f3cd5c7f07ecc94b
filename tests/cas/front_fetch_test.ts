import assert from "node:assert/strict";
import { type ArchivePort, FetchState } from "../../cas/archive_port.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { BlockCache } from "../../cas/front/block_cache.ts";
import { BlockView } from "../../cas/front/block_view.ts";
import { FetchBudget, Fetcher } from "../../cas/front/fetcher.ts";

/** An archive that takes so long to answer, by a clock of its own. */
class Bench {
  /** Blocks of each fetch. */
  readonly fetches: number[][] = [];
  durationMs = 1;
  readonly #fetcher: Fetcher;
  #nowMs = 0;

  constructor() {
    const cache = new BlockCache(BlockPool.allocate(4096));
    const view = { view: 0, blockCount: 1e6, sequence: 1 };
    const port: Pick<ArchivePort, "fetch"> = {
      fetch: async ({ blocks }) => {
        this.fetches.push([...blocks]);
        await new Promise((resolve) => setTimeout(resolve));
        this.#nowMs += this.durationMs;
        const states = new Uint8Array(blocks.length).fill(FetchState.Zero);
        return { sequence: 1, states };
      },
    };
    this.#fetcher = new Fetcher(
      port as ArchivePort,
      new BlockView(view, cache, undefined),
      new FetchBudget(cache, 1024, () => this.#nowMs),
      "disk",
    );
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
  bench.durationMs = 20;
  await bench.ask(5);
  assert.deepEqual(
    await bench.ask(...SCATTERED),
    SCATTERED.map(() => 1),
  );
  assert.deepEqual(await bench.ask(7, 8, 9, 20), [3, 1], "neighbours do");
});

Deno.test("an archive that is quick for a while is near again", async () => {
  const bench = new Bench();
  bench.durationMs = 20;
  await bench.ask(5);
  bench.durationMs = 1;
  for (let count = 0; count < 63; count++) await bench.ask(count);
  assert.deepEqual(await bench.ask(100, 200), [1, 1]);
  assert.deepEqual(await bench.ask(100, 200), [2]);
});
