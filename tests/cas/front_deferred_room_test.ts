/**
 * Writes that the archive cannot take, because of what lies under them, in a
 * front that has little or no room left beside them.
 */

import assert from "node:assert/strict";
import {
  openDisk,
  openRig,
  quiet,
  type RigOptions,
  stampAt,
  stamped,
} from "./front/fixtures.ts";
import { GRACE_MS, watch } from "./front/full_rig.ts";

/** Limits of a front of which one or the other is reached first. */
const TIGHT: readonly Pick<RigOptions, "slots" | "budget">[] = [
  { slots: 80 },
  { slots: 400, budget: { journalBytesMax: 1024 * 1024 } },
];

for (const tight of TIGHT) {
  const what = tight.budget === undefined ? "overlay" : "journal";
  Deno.test(`writes over damage are kept, and others go on, also when the ${what} has no room left`, async () => {
    const damaged = new Set<number>();
    let gate: Promise<void> = Promise.resolve();
    const rig = await openRig({
      ...tight,
      port: {
        damaged,
        pause: (where) => where === "checkpoint" ? gate : Promise.resolve(),
      },
    });
    const volume = await openDisk(rig);
    volume.write({ lba: 0, sectorCount: 64 }, stamped(1, 64), 0);
    await rig.front.checkpoint();
    for (let block = 0; block < 8; block++) damaged.add(block);
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    for (let block = 0; block < 8; block++) {
      const range = { lba: block * 8, sectorCount: 1 };
      volume.write(range, stamped(2, 1), 0);
    }
    const checkpoint = rig.front.checkpoint();
    await quiet();
    let lba = 64;
    const bytes = stamped(3, 8);
    while (volume.write({ lba, sectorCount: 8 }, bytes, 0) > 0) {
      lba += 8;
      await rig.clock.advance(50);
    }
    let hasRoom = false;
    volume.writable().then(() => void (hasRoom = true));
    let isDone = false;
    checkpoint.then(() => void (isDone = true));
    resolve();
    await rig.clock.advanceBy(100, 2000);
    assert.ok(isDone, "what has to move needs no more room than it has");
    assert.ok(hasRoom);
    assert.ok(volume.write({ lba, sectorCount: 8 }, bytes, 0) > 0);
    for (let block = 0; block < 8; block++) {
      assert.equal(await stampAt(volume, block * 8), 2);
    }
    await rig.front.abandon();
  });
}

Deno.test("writes are refused where all room is taken by writes over damage, which are not tried again without end", async () => {
  const damaged = new Set<number>();
  const rig = await openRig({ slots: 80, port: { damaged } });
  const volume = await openDisk(rig);
  for (let block = 0; block < 80; block++) damaged.add(block);
  const bytes = stamped(2, 1);
  let block = 0;
  while (volume.write({ lba: block * 8, sectorCount: 1 }, bytes, 0) > 0) {
    block++;
    if (block % 8 === 0) await rig.clock.advance(50);
  }
  let refusal: unknown;
  const range = { lba: block * 8, sectorCount: 1 };
  const client = (async (): Promise<void> => {
    do await volume.writable(); while (volume.write(range, bytes, 0) === 0);
  })().catch((error: unknown) => void (refusal = error));
  await rig.clock.advanceBy(500, 20_000);
  assert.match(String(refusal), /damaged.*damaged packs/);
  assert.match(rig.front.usage.refusal ?? "", /damaged/);
  const before = rig.port.checkpointCount;
  for (let times = 0; times < 30; times++) {
    volume.write(range, bytes, 0);
    volume.writable().catch(() => {});
    await rig.clock.advance(500);
  }
  assert.ok(rig.port.checkpointCount - before <= 4, "every 5 s at most");
  const refusals = rig.events.filter(({ event }) => event === "writes-refused");
  assert.equal(refusals.length, 1, "told once");
  damaged.clear();
  volume.write(range, bytes, 0);
  await rig.clock.advanceBy(500, 10_000);
  assert.ok(volume.write(range, bytes, 0) > 0, "there is room again");
  assert.equal(rig.front.usage.refusal, undefined);
  await client;
  await rig.front.abandon();
});

/** Limits beside which small writes fit, and blocks of damage that large ones do not fit beside. */
const NEARLY_FULL = [
  { what: "memory", slots: 80, damagedCount: 62, sectorCount: 32, budget: {} },
  {
    what: "journal",
    slots: 800,
    damagedCount: 50,
    sectorCount: 128,
    budget: { journalBytesMax: 96 * 1024 },
  },
];

for (const { what, damagedCount, sectorCount, ...how } of NEARLY_FULL) {
  Deno.test(`a write too large for what damage leaves of the ${what} is refused, and small ones of others go on`, async () => {
    const damaged = new Set<number>();
    const rig = await openRig({ ...how, port: { damaged } });
    const volume = await openDisk(rig);
    const other = await openDisk(rig, "other");
    for (let block = 0; block < damagedCount; block++) {
      damaged.add(block);
      const range = { lba: block * 8, sectorCount: 1 };
      assert.ok(volume.write(range, stamped(2, 1), 0) > 0);
    }
    await rig.clock.advanceBy(50, 500);
    const range = { lba: 2048, sectorCount };
    const bytes = stamped(3, sectorCount);
    let refusal: unknown;
    const client = (async (): Promise<void> => {
      while (volume.write(range, bytes, 0) === 0) await volume.writable();
    })().catch((error: unknown) => void (refusal = error));
    /** One small write of the other client, each at a block of its own. */
    async function writeSmall(turn: number): Promise<void> {
      const small = { lba: 1024 + turn * 8, sectorCount: 1 };
      while (other.write(small, stamped(turn, 1), 0) === 0) {
        other.writable().catch(() => assert.fail("a small one is refused"));
        await rig.clock.advance(100);
      }
      await rig.clock.advanceBy(50, 500);
    }
    const startMs = rig.clock.nowMs();
    let turn = 0;
    while (refusal === undefined && turn < 50) await writeSmall(turn++);
    const graceMs = rig.clock.nowMs() - startMs;
    assert.ok(graceMs >= GRACE_MS && graceMs < 3 * GRACE_MS, `${graceMs} ms`);
    for (const end = turn + 5; turn < end;) await writeSmall(turn++);
    assert.match(String(refusal), /damaged.*damaged packs/);
    assert.match(rig.front.usage.refusal ?? "", /damaged/);
    assert.equal(volume.write(range, bytes, 0), 0);
    const next = watch(volume.writable());
    await rig.clock.advance(0);
    assert.match(next.state, /damaged/, "the next one at once");
    damaged.clear();
    const mended = rig.front.checkpoint();
    await rig.clock.advanceBy(100, 3000);
    await mended;
    assert.equal(rig.front.usage.refusal, undefined);
    assert.ok(volume.write(range, bytes, 0) > 0, "there is room again");
    const told = rig.events.map(({ event }) => event);
    assert.equal(told.filter((it) => it === "writes-refused").length, 1);
    assert.equal(told.filter((it) => it === "writes-accepted").length, 1);
    await client;
    await rig.front.abandon();
  });
}

for (const { what, damagedCount, sectorCount, ...how } of NEARLY_FULL) {
  for (const isLarge of [true, false]) {
    const which = isLarge
      ? "too large for what is left"
      : "for which none is left";
    Deno.test(`a write ${which} of the ${what} while the index is made anew is told to wait, and of damage only when there is some`, async () => {
      const damaged = new Set<number>();
      const rig = await openRig({ ...how, port: { damaged } });
      rig.port.unsettled = true;
      const volume = await openDisk(rig);
      let block = 0;
      function writeOver(): boolean {
        damaged.add(block);
        const range = { lba: block * 8, sectorCount: 1 };
        if (volume.write(range, stamped(2, 1), 0) === 0) return false;
        block++;
        return true;
      }
      while (isLarge ? block < damagedCount : true) {
        if (writeOver()) continue;
        await rig.clock.advanceBy(50, 500);
        if (!writeOver()) break;
      }
      await rig.clock.advanceBy(50, 500);
      const range = { lba: 2048, sectorCount: isLarge ? sectorCount : 1 };
      const bytes = stamped(3, range.sectorCount);
      async function refusal(): Promise<string> {
        let refused: unknown;
        const client = (async (): Promise<void> => {
          while (volume.write(range, bytes, 0) === 0) await volume.writable();
        })().catch((error: unknown) => void (refused = error));
        for (let turn = 0; refused === undefined && turn < 200; turn++) {
          await rig.clock.advance(200);
        }
        await client;
        return String(refused);
      }
      const told = await refusal();
      assert.match(told, /not been found yet.*being made anew.*Indexed.*wait/);
      assert.doesNotMatch(told, /damage|restore/);
      rig.port.unsettled = false;
      await rig.clock.advanceBy(200, 10_000);
      assert.match(await refusal(), /damaged: restore the damaged packs/);
      await rig.front.abandon();
    });
  }
}
