/** While the index is made anew clients are answered: at once where it was known before, else within a minute. */

import assert from "node:assert/strict";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { FetchState } from "../../cas/archive_port.ts";
import { Bench, hasher, whole } from "./engine_bench.ts";
import {
  copiesOf,
  COPY_PACK_COUNT,
  makeArchive,
  openOver,
} from "./engine_copies_rig.ts";
import { PliableStore } from "./packs_rig.ts";
import { refusal } from "./refusal.ts";

const BLOCKS: readonly number[] = Array.from(
  { length: 2 * COPY_PACK_COUNT - 1 },
  (_, at) => (at + 1) * 700,
);

/** Block `(at + 1) * 700` was written with that. */
function valueOf(block: number): number {
  return 1 + block / 700;
}

interface Rebuilding {
  readonly store: PliableStore;
  readonly bench: Bench;
  readonly archive: OpenedArchive;
  readonly view: number;
  /** Resolves when the index is begun anew; no pack is listed for it before `end`. */
  readonly held: Promise<void>;
  end(): void;
}

/** An archive whose index rests on copies, and is not made anew before `end`. */
async function openHeld(
  bench: Bench,
  access: "serve" | "read" = "serve",
): Promise<Rebuilding> {
  const store = new PliableStore(bench.space);
  const over = new Bench(bench.space, store);
  const archive = await openOver(over, access);
  const { view } = await archive.openView({ volume: "disk" });
  const held = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  store.before = (operation, key) => {
    if (operation !== "list" || !key.startsWith("packs/")) return;
    // It was made once when the archive was opened.
    if (over.eventsOf("index-rebuild").length < 2) return;
    held.resolve();
    return gate.promise;
  };
  const end = (): void => gate.resolve();
  return { store, bench: over, archive, view, held: held.promise, end };
}

/** Has the copy that tells of a block tell of another one in its place. */
function conceal({ space }: Bench, block: number): void {
  const content = new Uint8Array(4096).fill(valueOf(block));
  const score = [...hasher.hash(content).subarray(0, 8)].join();
  for (const key of copiesOf({ space })) {
    const bytes = space.blobs.get(key)!.slice();
    const at = bytes.findIndex((_, start) =>
      bytes.subarray(start, start + 8).join() === score
    );
    if (at < 0) continue;
    bytes[at]! ^= 1;
    space.blobs.delete(key);
    space.blobs.set(`index/${hasher.hash(bytes).toHex()}`, bytes);
  }
}

Deno.test("reads, checkpoints and snapshots go on while a check or a rebuild makes the index anew", async () => {
  for (const operation of ["check", "rebuild"] as const) {
    const { bench, archive, view, held, end } = await openHeld(
      await makeArchive(),
    );
    const made = archive.operate(operation, {});
    await held;
    const found = await bench.read(archive, view, BLOCKS);
    assert.deepEqual(found.map((it) => it?.[0]), BLOCKS.map(valueOf));
    await bench.write(archive, view, [whole(9, 9), whole(700, 8)]);
    await archive.createSnapshot(view, "now");
    const past = await archive.openView({ volume: "disk", snapshot: "now" });
    const read = await bench.read(archive, past.view, [9, 700, 1400]);
    assert.deepEqual(read.map((it) => it?.[0]), [9, 8, valueOf(1400)]);
    end();
    const result = await made;
    if ("faults" in result) assert.deepEqual(result.faults, []);
    assert.equal(bench.clock.seekerCount, 0);
    await archive.close();
  }
});

/** Concealed by a copy. */
const HIDDEN = BLOCKS[2]!;

/** A block is being sought, and the index made anew for it. */
async function seekHidden(): Promise<
  Rebuilding & { readonly answer: Promise<(Uint8Array | null)[]> }
> {
  const bench = await makeArchive();
  conceal(bench, HIDDEN);
  const rebuilding = await openHeld(bench);
  const { archive, view, held } = rebuilding;
  const answer = rebuilding.bench.read(archive, view, [HIDDEN]);
  await held;
  return { ...rebuilding, answer };
}

Deno.test("a block that is not found is told to be unreadable after a minute, and found when the index is made", async () => {
  const { bench, archive, view, answer, end } = await seekHidden();
  assert.equal(bench.clock.seekerCount, 1);
  bench.clock.endSeeking();
  assert.deepEqual(await answer, [null]);
  const [told] = bench.eventsOf("block-not-found-yet");
  assert.equal(told?.severity, "strange");
  assert.match(told.message, /index is being made anew, so far of \d+ packs/);
  assert.deepEqual(told.sectors, [{ lba: HIDDEN * 8, sectorCount: 8 }]);
  assert.deepEqual(bench.eventsOf("block-damaged"), []);
  end();
  // Asked in another way, so that it waits for what is under way.
  assert.deepEqual((await archive.operate("check", {})).faults, []);
  const [found] = await bench.read(archive, view, [HIDDEN]);
  assert.equal(found?.[0], valueOf(HIDDEN));
  assert.equal(bench.eventsOf("index-copies-dropped").length, 1);
  await archive.close();
});

Deno.test("a block that is sought is delivered as soon as the index has it", async () => {
  const { archive, answer, end } = await seekHidden();
  end();
  const [found] = await answer;
  assert.equal(found?.[0], valueOf(HIDDEN));
  await archive.close();
});

Deno.test("what is missed while the index is made anew is not sought in the store before it is made", async () => {
  const bench = await makeArchive();
  conceal(bench, HIDDEN);
  const { bench: over, archive, view, held, end } = await openHeld(bench);
  const made = archive.operate("rebuild", {});
  await held;
  const answer = over.read(archive, view, [HIDDEN]);
  while (over.clock.seekerCount === 0) await over.clock.yieldNow();
  end();
  assert.equal((await answer)[0]?.[0], valueOf(HIDDEN));
  await made;
  assert.deepEqual(over.eventsOf("pack-search"), []);
  await archive.close();
});

Deno.test("a root that is not found is sought no longer than a client waits, and what to do is said", async () => {
  const { bench, archive, held, end } = await openHeld(await makeArchive());
  const root = "0".repeat(64);
  const refused = assert.rejects(
    archive.openView({ root }),
    refusal("NoRoot", /being made anew.* try again/),
  );
  await held;
  bench.clock.endSeeking();
  await refused;
  end();
  await archive.operate("check", {});
  await assert.rejects(
    archive.openView({ root }),
    refusal("NoRoot", /snapshot list/),
  );
  await archive.close();
});

Deno.test("a front that seeks apart gets every other block at once", async () => {
  const { bench, archive, view, answer, end } = await seekHidden();
  const fetch = async (sought: boolean): Promise<number[]> => {
    const blocks = [HIDDEN, BLOCKS.find((it) => it !== HIDDEN)!];
    const { states } = await archive.fetch({
      view,
      blocks: Float64Array.from(blocks),
      slots: Uint32Array.of(600, 601),
      sought,
    });
    return [...states];
  };
  assert.deepEqual(await fetch(false), [FetchState.Unknown, FetchState.Filled]);
  assert.deepEqual(bench.eventsOf("block-not-found-yet"), []);
  const seek = archive.seek({ view, blocks: Float64Array.of(HIDDEN) });
  assert.deepEqual(await fetch(true), [FetchState.Damaged, FetchState.Filled]);
  assert.equal(bench.eventsOf("block-not-found-yet").length, 1);
  end();
  await Promise.all([seek, answer]);
  assert.deepEqual(await fetch(true), [FetchState.Filled, FetchState.Filled]);
  await archive.close();
});

Deno.test("writes over a block that is not found yet are kept, and archived when it is", async () => {
  const { bench, archive, view, answer, end } = await seekHidden();
  const other = BLOCKS.find((it) => it !== HIDDEN)!;
  const writes = [{ block: HIDDEN, mask: 0x0f, value: 99 }, whole(other, 77)];
  const checkpoint = bench.write(archive, view, writes);
  while (bench.clock.seekerCount < 2) await bench.clock.yieldNow();
  bench.clock.endSeeking();
  const { deferred, roots } = await checkpoint;
  assert.equal(roots.length, 1);
  assert.deepEqual(deferred?.map((it) => [...it.blocks]), [[HIDDEN]]);
  assert.equal(deferred?.[0]?.unsettled, true);
  assert.deepEqual(
    bench.eventsOf("writes-deferred"),
    [],
    "who keeps them tells",
  );
  await answer;
  end();
  const again = await bench.write(archive, view, writes.slice(0, 1));
  assert.equal(again.deferred, undefined);
  const [merged, overwritten] = await bench.read(archive, view, [
    HIDDEN,
    other,
  ]);
  assert.equal(merged?.[0], 99);
  assert.equal(merged?.[4095], valueOf(HIDDEN));
  assert.equal(overwritten?.[0], 77);
  await archive.close();
});

Deno.test("closing does not wait for what is sought", async () => {
  const { bench, archive, answer, end } = await seekHidden();
  const refused = assert.rejects(answer, /closed/);
  const closed = archive.close();
  await refused;
  end();
  await closed;
  assert.equal(bench.clock.seekerCount, 0);
});

Deno.test("a check beside which the index is made anew tells of no fault where there is none", async () => {
  const { store, archive, held, end } = await openHeld(await makeArchive());
  const first = archive.operate("rebuild", {});
  await held;
  end();
  await first;
  const roots = Promise.withResolvers<void>();
  const checking = Promise.withResolvers<void>();
  store.before = (operation, key) => {
    if (operation !== "get" || !key.startsWith("roots/")) return;
    checking.resolve();
    return roots.promise;
  };
  const checked = archive.operate("check", {});
  await checking.promise;
  const again = Promise.withResolvers<void>();
  store.before = (operation, key) =>
    operation === "list" && key.startsWith("packs/")
      ? again.promise
      : undefined;
  const made = archive.operate("rebuild", {});
  roots.resolve();
  let isChecked = false;
  checked.then(() => isChecked = true);
  for (let turn = 0; turn < 50; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.equal(isChecked, false);
  again.resolve();
  await made;
  const { faults, blockCount } = await checked;
  assert.deepEqual(faults, []);
  assert.equal(blockCount, BLOCKS.length);
  await archive.close();
});

Deno.test("who follows a volume shows its newer state when the index is made, and reads no old root for it", async () => {
  const made = await makeArchive();
  const { store, bench, archive, view } = await openHeld(made, "read");
  const [before] = await bench.read(archive, view, [700]);
  assert.equal(before?.[0], valueOf(700));
  const writer = await openOver(made);
  const head = await writer.openView({ volume: "disk" });
  await made.write(writer, head.view, [whole(9, 9)]);
  await writer.close();
  const roots = new Set<string>();
  const gate = Promise.withResolvers<void>();
  let getCount = 0;
  // The index has one pack of those that it will have.
  store.before = (operation, key) => {
    if (operation === "get" && key.startsWith("roots/")) roots.add(key);
    if (operation !== "get" || !key.startsWith("packs/")) return;
    return getCount++ > 0 ? gate.promise : undefined;
  };
  const rebuilt = archive.operate("rebuild", {});
  while (bench.eventsOf("index-rebuild-progress").length < 2) {
    await bench.clock.yieldNow();
  }
  bench.clock.timeMs += 60_000;
  const newer = archive.newerView(view);
  for (let turn = 0; turn < 50; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  gate.resolve();
  await rebuilt;
  const shown = await newer;
  assert.ok(shown !== undefined);
  const [after] = await bench.read(archive, shown.view, [9]);
  assert.equal(after?.[0], 9);
  assert.equal(roots.size, 1);
  await archive.close();
});
