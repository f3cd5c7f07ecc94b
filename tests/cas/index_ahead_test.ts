import assert from "node:assert/strict";
import type { MemorySpace } from "../../blobstores/memory_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import { copySpace } from "../blobstores/copy_space.ts";
import { Bench, hasher, whole } from "./engine_bench.ts";

/** An index that outlives its archive, as one on disk does. */
class KeptIndex extends MemoryIndex {
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

function open(bench: Bench, index: MemoryIndex): Promise<OpenedArchive> {
  return bench.open({
    openBlocks: () =>
      Promise.resolve(openPacks({
        store: bench.store,
        index,
        hasher,
        lz4: createPortableLz4(),
        onEvent: (event) => bench.events.push(event),
        sleep: () => bench.clock.yieldNow(),
      })),
  });
}

async function write(archive: OpenedArchive, bench: Bench): Promise<void> {
  const request = { volume: "disk", createBlockCount: 1000 };
  const { view } = await archive.openView(request);
  await bench.write(archive, view, [whole(1, 1), whole(500, 2)]);
}

async function faultsOf(space: MemorySpace): Promise<readonly string[]> {
  const archive = await open(new Bench(space), new MemoryIndex());
  const { faults } = await archive.operate("check", {});
  await archive.close();
  return faults;
}

Deno.test("after a store was put back to what it was, what the index alone knows is stored again", async () => {
  const index = new KeptIndex();
  const bench = new Bench();
  const first = await open(bench, index);
  await first.operate("volume create", { volume: "other", blockCount: 8 });
  const backup = copySpace(bench.space);
  await write(first, bench);
  await first.close();
  // Without heads.json, but with the index: it knows the packs that are gone.
  const later = new Bench(backup);
  const second = await open(later, index);
  const told = later.events.filter(({ event }) => event === "index-ahead");
  assert.equal(told.length, 1);
  await write(second, later);
  await second.close();
  assert.deepEqual(await faultsOf(backup), []);
  // With all in its place nothing is made anew.
  const again = new Bench(backup);
  await (await open(again, index)).close();
  assert.deepEqual(
    again.events.filter(({ event }) => /^index-/.test(event)),
    [],
  );
});
