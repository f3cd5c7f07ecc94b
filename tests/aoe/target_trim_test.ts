import assert from "node:assert/strict";
import {
  decodeIdentify,
  encodeTrimRanges,
  MemoryDevice,
  type SectorRange,
} from "../../aoe/mod.ts";
import {
  ataRequest,
  bytesOf,
  readRequest,
  trimRequest,
  writeRequest,
} from "./frames.ts";
import type { ScriptedDevice } from "./scripted_device.ts";
import {
  ataOutcome,
  ataReply,
  only,
  type TargetFixture,
  targetFixture,
} from "./target_fixture.ts";

const ABORTED = { status: 0x41, error: 0x04 };
const NOT_FOUND = { status: 0x41, error: 0x10 };
const OK = { status: 0x40, error: 0 };
const IDENTIFY = ataRequest({ sectorCount: 1, commandStatus: 0xec });

/** A fixture whose device can trim, and notes that it did among its writes. */
function trimFixture(): TargetFixture {
  const fixture = targetFixture();
  const { device } = fixture;
  const write = device.write.bind(device);
  const trim = (range: SectorRange): number => {
    const ticket = write(range, new Uint8Array(range.sectorCount * 512), 0);
    if (ticket > 0) {
      device.taken.pop();
      device.taken.push(`trim ${range.lba}:${range.sectorCount}`);
    }
    return ticket;
  };
  Object.assign(device, { trim });
  return fixture;
}

function tagsOf(frames: readonly Uint8Array[]): number[] {
  return frames.map((frame) => ataReply(frame).header.tag);
}

async function later(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

Deno.test("ranges are laid out as ACS-2 has them", () => {
  const bytes = encodeTrimRanges([
    { lba: 0x060504030201, sectorCount: 0x0807 },
    { lba: 1, sectorCount: 0xffff },
  ]);
  assert.equal(bytes.length, 512);
  assert.deepEqual(
    bytes.subarray(0, 24),
    bytesOf("0102030405060708 010000000000ffff 0000000000000000"),
  );
  assert.throws(() => encodeTrimRanges([{ lba: 0, sectorCount: 65536 }]));
  assert.throws(() =>
    encodeTrimRanges(new Array(65).fill({ lba: 0, sectorCount: 1 }))
  );
});

Deno.test("trimmed sectors of a device that can trim read as zeros, as IDENTIFY says", async () => {
  const device = new MemoryDevice({ sectorCount: 1024 });
  const { ask, link } = targetFixture({ device });
  assert.equal(decodeIdentify(only(ask(IDENTIFY)), 36).trim, "zero");
  ask(writeRequest(0, 16, 9));
  await later();
  link.take();
  ask(trimRequest([{ lba: 1, sectorCount: 2 }, { lba: 8, sectorCount: 1 }]));
  await later();
  assert.deepEqual(ataOutcome(link.take()), OK);
  const { bytes } = ataReply(only(ask(readRequest(0, 16))));
  const first = Array.from({ length: 16 }, (_, i) => bytes[512 * i]);
  assert.deepEqual(first, [9, 0, 0, 9, 9, 9, 9, 9, 0, 9, 9, 9, 9, 9, 9, 9]);
});

Deno.test("a device that cannot trim takes it as a hint and keeps its sectors, as IDENTIFY says", () => {
  const { ask, device } = targetFixture();
  device.bytes.fill(5);
  assert.equal(decodeIdentify(only(ask(IDENTIFY)), 36).trim, "hint");
  assert.deepEqual(
    ataOutcome(ask(trimRequest([{ lba: 0, sectorCount: 8 }]))),
    OK,
  );
  assert.equal(ataReply(only(ask(readRequest(0, 1)))).bytes[0], 5);
});

Deno.test("a trim is answered when its last ticket has settled", async () => {
  const { ask, device, link } = trimFixture();
  const ranges = [{ lba: 0, sectorCount: 8 }, { lba: 16, sectorCount: 8 }];
  assert.deepEqual(ask(trimRequest(ranges)), []);
  assert.deepEqual(device.taken, ["trim 0:8", "trim 16:8"]);
  await device.settle(true, 1);
  assert.deepEqual(link.flushed, []);
  await device.settle(true);
  assert.deepEqual(ataOutcome(link.flushed), OK);
});

Deno.test("a trim fails when any of its tickets does", async () => {
  for (const failing of [0, 1]) {
    const { ask, device, link } = trimFixture();
    const ranges = [{ lba: 0, sectorCount: 8 }, { lba: 16, sectorCount: 8 }];
    ask(trimRequest(ranges));
    await device.settle(failing !== 0, 1);
    await device.settle(failing !== 1);
    assert.deepEqual(ataOutcome(link.flushed), ABORTED);
  }
});

Deno.test("a trim without room goes on where it stopped, and later writes wait for it", async () => {
  const { ask, device, link } = trimFixture();
  device.room = 1;
  ask(trimRequest(
    [0, 8, 16].map((lba) => ({ lba, sectorCount: 8 })),
    { tag: 1 },
  ));
  ask(writeRequest(8, 1, 7, { tag: 2 }));
  assert.deepEqual(device.taken, ["trim 0:8"]);
  await device.makeRoom(1);
  await device.makeRoom(9);
  assert.deepEqual(device.taken, [
    "trim 0:8",
    "trim 8:8",
    "trim 16:8",
    "8:1:7",
  ]);
  await device.settle(true);
  assert.deepEqual(tagsOf(link.flushed), [1, 2]);
});

Deno.test("a long trim gives way between 32 MiB and the next", async () => {
  const { ask, device } = trimFixture();
  growFor(device, 4 * 65535);
  ask(trimRequest(
    [0, 1, 2].map((i) => ({ lba: i * 65535, sectorCount: 65535 })),
  ));
  assert.equal(device.taken.length, 1);
  await later();
  assert.equal(device.taken.length, 3);
});

Deno.test("a trim with an entry past the end, and what is no trim, changes nothing", () => {
  const { ask, device } = trimFixture();
  const ranges = [{ lba: 0, sectorCount: 8 }, { lba: 1020, sectorCount: 5 }];
  assert.deepEqual(ataOutcome(ask(trimRequest(ranges))), NOT_FOUND);
  const good = trimRequest([{ lba: 0, sectorCount: 8 }]);
  const noTrim = good.slice();
  noTrim[25] = 0;
  const noBlock = good.slice();
  noBlock[26] = 0;
  const twoBlocks = new Uint8Array([...good, ...new Uint8Array(512)]);
  twoBlocks[26] = 2;
  for (const frame of [noTrim, noBlock, twoBlocks, good.slice(0, 500)]) {
    assert.deepEqual(ataOutcome(ask(frame)), ABORTED);
  }
  assert.deepEqual(device.taken, []);
});

Deno.test("a trim of nothing succeeds at once", () => {
  const { ask, device } = trimFixture();
  assert.deepEqual(ataOutcome(ask(trimRequest([]))), OK);
  assert.deepEqual(device.taken, []);
});

function growFor(device: ScriptedDevice, sectorCount: number): void {
  device.sectorCount = sectorCount;
  Object.assign(device, { bytes: new Uint8Array(sectorCount * 512) });
}
