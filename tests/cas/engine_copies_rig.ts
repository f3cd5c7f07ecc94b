/** An archive whose store has copies of its index, for tests of what rests on them. */

import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import { Bench, hasher, whole } from "./engine_bench.ts";

/** Packs that a copy covers. */
export const COPY_PACK_COUNT: number = 4;
const lz4 = createPortableLz4();

/** Opens an archive over packs, with an index that is empty. */
export function openOver(
  bench: Bench,
  access: "serve" | "read" = "serve",
): Promise<OpenedArchive> {
  return bench.open({
    access,
    openBlocks: () =>
      Promise.resolve(openPacks({
        store: bench.store,
        index: new MemoryIndex(),
        hasher,
        lz4,
        onEvent: (event) => bench.events.push(event),
        sleep: () => bench.clock.yieldNow(),
        packBytesMax: 20_000,
        copyPackCount: COPY_PACK_COUNT,
      })),
    pointerCacheBytesMax: 0,
  });
}

/** Keys of the copies in the store. */
export function copiesOf({ space }: Pick<Bench, "space">): string[] {
  return [...space.blobs.keys()].filter((key) => key.startsWith("index/"));
}

/** Checkpoints of one pack each. */
async function write(bench: Bench, from: number, to: number): Promise<void> {
  const archive = await openOver(bench);
  const request = { volume: "disk", createBlockCount: 50_000 };
  const { view } = await archive.openView(request);
  for (let at = from; at < to; at++) {
    const before = copiesOf(bench).length;
    await bench.write(archive, view, [whole(at * 700, 1 + at)]);
    if ((at + 1) % COPY_PACK_COUNT > 0) continue;
    while (copiesOf(bench).length === before) await bench.clock.yieldNow();
  }
  await archive.close();
}

/** An archive with blocks 700, 1400, … of values 2, 3, …, all in copies. */
export async function makeArchive(): Promise<Bench> {
  const bench = new Bench();
  // The volume's own first root is a pack as well.
  await write(bench, 1, 2 * COPY_PACK_COUNT);
  return new Bench(bench.space);
}
