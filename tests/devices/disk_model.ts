/** Random reads and writes of a disk, checked against an array of bytes. */

import assert from "node:assert/strict";
import { type BlockDevice, SECTOR_SIZE } from "../../aoe/block_device.ts";

/** Collects what a device says of its tickets. */
export class Tickets {
  readonly #device: BlockDevice;
  readonly #waiting: { through: number; resolve: (ok: boolean) => void }[] = [];

  constructor(device: BlockDevice) {
    this.#device = device;
    let settled = 0;
    device.onSettled((through, ok) => {
      assert.ok(through > settled, "tickets settle in order");
      settled = through;
      while ((this.#waiting[0]?.through ?? Infinity) <= through) {
        this.#waiting.shift()!.resolve(ok);
      }
    });
  }

  /** Writes, waiting for room; resolves with whether it was made durable. */
  async write(lba: number, bytes: Uint8Array): Promise<boolean> {
    const range = { lba, sectorCount: bytes.length / SECTOR_SIZE };
    let ticket = this.#device.write(range, bytes, 0);
    while (ticket === 0) {
      await this.#device.writable();
      ticket = this.#device.write(range, bytes, 0);
    }
    return await new Promise((resolve) =>
      this.#waiting.push({ through: ticket, resolve })
    );
  }
}

/** Sectors of one value. */
export function sectors(count: number, value: number): Uint8Array {
  return new Uint8Array(count * SECTOR_SIZE).fill(value);
}

/** Reads sectors. */
export async function readSectors(
  device: BlockDevice,
  lba: number,
  sectorCount: number,
): Promise<Uint8Array> {
  // In the middle of a buffer, as a reply's data lies in a frame.
  const into = new Uint8Array(36 + sectorCount * SECTOR_SIZE);
  const range = { lba, sectorCount };
  if (!device.readNow(range, into, 36)) await device.read(range, into, 36);
  return into.subarray(36);
}

/**
 * Writes and reads at random, many at once; every read gives what was written
 * before it was asked for. Resolves with the content that all writes make.
 */
export async function checkAgainstModel(
  device: BlockDevice,
  model: Uint8Array,
  seed: number,
): Promise<void> {
  const tickets = new Tickets(device);
  const random = mulberry(seed);
  const sectorCount = model.length / SECTOR_SIZE;
  const pending: Promise<unknown>[] = [];
  for (let step = 0; step < 400; step++) {
    const count = 1 + Math.floor(random() * 16);
    const lba = Math.floor(random() * (sectorCount - count + 1));
    if (random() < 0.5) {
      const bytes = sectors(count, 1 + Math.floor(random() * 255));
      const range = { lba, sectorCount: count };
      if (device.write(range, bytes, 0) === 0) {
        await device.writable();
        continue;
      }
      model.set(bytes, lba * SECTOR_SIZE);
    } else {
      const expected = model.slice(
        lba * SECTOR_SIZE,
        (lba + count) * SECTOR_SIZE,
      );
      pending.push(
        readSectors(device, lba, count).then((bytes) =>
          assert.ok(
            sectorsMatch(bytes, expected, model, lba),
            `sectors ${lba} to ${lba + count - 1} at step ${step}`,
          )
        ),
      );
    }
    if (random() < 0.1) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
  assert.ok(await tickets.write(0, model.slice(0, SECTOR_SIZE)));
  assert.equal(device.lastTicket, 0);
  assert.deepEqual(await readSectors(device, 0, sectorCount), model);
}

/** Each sector is what it was at the read's start, or was written since. */
function sectorsMatch(
  bytes: Uint8Array,
  before: Uint8Array,
  model: Uint8Array,
  lba: number,
): boolean {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === before[at]) continue;
    if (bytes[at] !== model[lba * SECTOR_SIZE + at]) return false;
  }
  return true;
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}
