import assert from "node:assert/strict";
import fc from "fast-check";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import type { HistoryEntry } from "../../cas/volume_states.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import { copySpace } from "../blobstores/copy_space.ts";
import { assertHolds, Bench, Model, whole } from "./engine_bench.ts";

const BLOCK_COUNT = 1000;

async function openDisk(archive: OpenedArchive): Promise<number> {
  const request = { volume: "disk", createBlockCount: BLOCK_COUNT };
  return (await archive.openView(request)).view;
}

async function history(
  archive: OpenedArchive,
  countMax = 1000,
): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  let from: { fromSequence?: number } = {};
  for (;;) {
    const page = await archive.operate("history", {
      volume: "disk",
      countMax,
      ...from,
    });
    assert.ok(page.entries.length <= countMax);
    for (const entry of page.entries) entries.push(entry as HistoryEntry);
    if (page.nextSequence === undefined) return entries;
    from = { fromSequence: page.nextSequence };
  }
}

Deno.test("a history lists every state with its time and what it cost, page by page", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const view = await openDisk(archive);
  const roots: string[] = [];
  for (let value = 1; value <= 70; value++) {
    const writes = [whole(1, value), whole(2, value), whole(3, 0)];
    const { roots: [root] } = await bench.write(archive, view, writes);
    roots.push(root!.rootHash);
  }
  const entries = await history(archive);
  assert.equal(entries.length, 71);
  assert.deepEqual(
    entries.map(({ sequence }) => sequence),
    Array.from({ length: 71 }, (_, index) => 70 - index),
  );
  assert.deepEqual(
    entries.slice(0, 70).map(({ rootHash }) => rootHash),
    roots.toReversed(),
  );
  assert.equal(entries[0]!.blocksWritten, 3);
  assert.equal(entries[0]!.blocksNew, 1);
  assert.equal(entries[0]!.packCount, 1);
  const packs = [...bench.space.blobs].filter(([key]) =>
    key.includes("packs/")
  );
  assert.equal(
    entries.reduce((sum, { packBytes }) => sum + packBytes, 0),
    packs.reduce((sum, [, bytes]) => sum + bytes.length, 0),
  );
  assert.deepEqual(await history(archive, 7), entries);
  await archive.close();
});

Deno.test("at any time a volume is what its newest state not after that time was", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 40 }),
      async (steps) => {
        const bench = new Bench();
        const archive = await bench.open();
        const view = await openDisk(archive);
        const model = new Model();
        const states: { timeMs: number; model: Model }[] = [];
        for (const [index, waitMs] of steps.entries()) {
          bench.clock.timeMs += waitMs * 1000;
          const writes = [whole(index % 5, index + 1)];
          model.write(writes);
          await bench.write(archive, view, writes);
          const [newest] = (await archive.operate("history", {
            volume: "disk",
            countMax: 1,
          })).entries as [HistoryEntry];
          states.push({ timeMs: newest.timeMs, model: model.copy() });
        }
        for (const [index, state] of states.entries()) {
          const nextMs = states[index + 1]?.timeMs ?? Infinity;
          for (const atMs of [state.timeMs, state.timeMs + 1]) {
            if (atMs >= nextMs) continue;
            const opened = await archive.openView({ volume: "disk", atMs });
            assert.equal(opened.readOnly, true);
            assert.equal(opened.sequence, index + 1);
            await assertHolds(bench, archive, {
              view: opened.view,
              model: state.model,
              blocks: [0, 1, 2, 3, 4],
            });
          }
        }
        await assert.rejects(
          archive.openView({ volume: "disk", atMs: 1000 }),
          (error: Error) => archiveErrorCode(error) === "NoRoot",
        );
        await archive.close();
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("a clock that was set back keeps the order of the states", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const view = await openDisk(archive);
  await bench.write(archive, view, [whole(1, 1)]);
  bench.clock.timeMs -= 3_600_000;
  await bench.write(archive, view, [whole(1, 2)]);
  const [second, first] = await history(archive);
  assert.equal(second!.timeMs, first!.timeMs);
  const opened = await archive.openView({
    volume: "disk",
    atMs: first!.timeMs,
  });
  assert.equal(opened.rootHash, second!.rootHash);
  await archive.close();
});

Deno.test("a root that was left aside is in no history, and at no time", async () => {
  const begun = new Bench();
  const first = await begun.open();
  await begun.write(first, await openDisk(first), [whole(1, 1)]);
  await first.close();
  const before = copySpace(begun.space);
  // What a server that was cut off publishes, seen by the owner too late.
  const cutOff = new Bench(before);
  const stranger = await cutOff.open({ stateId: "6".repeat(32) });
  await cutOff.write(stranger, await openDisk(stranger), [whole(1, 66)]);
  await stranger.close();
  await (await new Bench(begun.space).open()).close();
  const bench = new Bench(begun.space);
  const again = await bench.open();
  const view = await openDisk(again);
  const key = [...before.blobs.keys()].find((it) =>
    it.endsWith("2") && it.startsWith("roots/")
  )!;
  bench.space.blobs.set(key, before.blobs.get(key)!);
  bench.clock.timeMs += 10_000;
  await bench.write(again, view, [whole(1, 2)]);
  bench.clock.timeMs += 10_000;
  await bench.write(again, view, [whole(1, 3)]);
  assert.equal(bench.eventsOf("root-stepped-over").length, 1);
  const entries = await history(again);
  assert.deepEqual(entries.map(({ sequence }) => sequence), [4, 3, 1, 0]);
  for (const atMs of [entries[1]!.timeMs - 1, entries[2]!.timeMs]) {
    const opened = await again.openView({ volume: "disk", atMs });
    assert.equal(opened.sequence, 1);
  }
  await again.close();
});

Deno.test("a damaged root shows in the history, and no older state is taken for it", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const view = await openDisk(archive);
  for (let value = 1; value <= 9; value++) {
    bench.clock.timeMs += 1000;
    await bench.write(archive, view, [whole(1, value)]);
  }
  const entries = await history(archive);
  const times = new Map(entries.map((it) => [it.sequence, it.timeMs]));
  const key = [...bench.space.blobs.keys()].find((it) =>
    /^roots.*05$/.test(it)
  )!;
  bench.space.blobs.get(key)![100]! ^= 1;
  const page = await archive.operate("history", {
    volume: "disk",
    countMax: 99,
  });
  assert.equal(page.entries.length, 10);
  const damaged = page.entries[4]!;
  assert.ok("damage" in damaged);
  assert.equal(damaged.sequence, 5);
  assert.match(damaged.damage, /repair --from URL/);
  for (let sequence = 1; sequence <= 9; sequence++) {
    const atMs = times.get(sequence)!;
    const opening = archive.openView({ volume: "disk", atMs });
    // Whether state 5 is as old as state 4 cannot be told.
    if (sequence !== 4 && sequence !== 5) {
      assert.equal((await opening).sequence, sequence);
    } else {
      await assert.rejects(
        opening,
        (error: Error) => archiveErrorCode(error) === "Damaged",
      );
    }
  }
  await archive.close();
});

Deno.test("a snapshot can be made of a past state", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const view = await openDisk(archive);
  await bench.write(archive, view, [whole(1, 1)]);
  const [first] = await history(archive);
  bench.clock.timeMs += 1000;
  await bench.write(archive, view, [whole(1, 2)]);
  const made = await archive.operate("snapshot create", {
    state: { volume: "disk", atMs: first!.timeMs },
    name: "first",
  });
  assert.equal(made.rootHash, first!.rootHash);
  const opened = await archive.openView({ volume: "disk", snapshot: "first" });
  assert.equal((await bench.read(archive, opened.view, [1]))[0]![0], 1);
  await archive.close();
});
