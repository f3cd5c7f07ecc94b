/** A disk over a file whose reads come in from outside: what it does while they take their time. */

import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { FileDevice } from "../../devices/file_device.ts";
import type { FileReads, Piece } from "../../devices/file_reads.ts";
import { openPathDevice } from "../../devices/path_device.ts";
import { readSectors, sectors, Tickets } from "./disk_model.ts";

const SECTOR_COUNT = 1024;
/** As many reads as may be under way at once. */
const READS_MAX = 16;

/** A read that a test ends. */
interface Started {
  readonly piece: Piece;
  /** Gives so many bytes of this value. */
  give(byteCount: number, value: number): void;
  fail(message: string): void;
}

/** Has in memory what a test says, of the value 1. */
class ManualReads implements FileReads {
  readonly started: Started[] = [];
  readonly inMemory = new Set<number>();
  isClosed = false;

  readNow({ bytes, offset, byteCount, position }: Piece): boolean {
    if (!this.inMemory.has(position / 512)) return false;
    bytes.fill(1, offset, offset + byteCount);
    return true;
  }

  readonly read = (piece: Piece): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.started.push({
      piece,
      give(byteCount, value): void {
        piece.bytes.fill(value, piece.offset, piece.offset + byteCount);
        resolve(byteCount);
      },
      fail: (message) => reject(new Error(message)),
    });
    return promise;
  };

  close(): void {
    assert.ok(!this.isClosed);
    this.isClosed = true;
  }
}

interface Rig {
  readonly device: FileDevice;
  readonly reads: ManualReads;
  readonly failures: string[];
  close(): Promise<void>;
}

async function withRig(body: (rig: Rig) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "deepshelf-devices-" });
  await Deno.truncate(path, SECTOR_COUNT * 512);
  const reads = new ManualReads();
  const failures: string[] = [];
  const { device, close } = openPathDevice({
    path,
    readOnly: false,
    host: "here",
    openReads: () => reads,
    onFailure: (message) => failures.push(message),
  });
  let closed: Promise<void> | undefined;
  const closeOnce = (): Promise<void> => closed ??= close();
  await body({ device, reads, failures, close: closeOnce });
  await closeOnce();
  assert.ok(reads.isClosed);
  await Deno.remove(path);
}

/** Lets everything happen that waits for no disk. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("reads that the disk has to answer are under way at once, and hold up nothing else", async () => {
  await withRig(async ({ device, reads }) => {
    const waiting = Array.from(
      { length: READS_MAX + 4 },
      (_, at) => readSectors(device, 8 * at, 8),
    );
    await turn();
    assert.equal(reads.started.length, READS_MAX, "and no more than that");
    reads.inMemory.add(500);
    assert.ok(device.readNow({ lba: 500, sectorCount: 1 }, sectors(1, 0), 0));
    assert.ok(await new Tickets(device).write(600, sectors(1, 3)));
    // The last first: none waits for another one.
    for (const read of reads.started.toReversed()) read.give(4096, 7);
    await turn();
    assert.equal(reads.started.length, READS_MAX + 4);
    for (const read of reads.started.slice(READS_MAX)) read.give(4096, 7);
    for (const bytes of await Promise.all(waiting)) {
      assert.deepEqual(bytes, sectors(8, 7));
    }
  });
});

Deno.test("what the system has in memory is read at once, with what is on its way there", async () => {
  const path = await Deno.makeTempFile({ prefix: "deepshelf-devices-" });
  await Deno.truncate(path, SECTOR_COUNT * 512);
  const reads = new ManualReads();
  reads.inMemory.add(0);
  const synced = Promise.withResolvers<void>();
  let syncing = false;
  const descriptor = openSync(path, "r+");
  const device = new FileDevice({
    descriptor,
    label: "the file",
    sectorCount: SECTOR_COUNT,
    readOnly: false,
    reads,
    sync: () => {
      syncing = true;
      return synced.promise;
    },
    identity: { model: "m", serial: "s", firmware: "1" },
    onFailure: (message) => assert.fail(message),
  });
  const tickets = new Tickets(device);
  const writes = [tickets.write(1, sectors(2, 2))];
  while (!syncing) await turn();
  writes.push(tickets.write(2, sectors(1, 3)));
  const into = sectors(4, 0);
  assert.ok(device.readNow({ lba: 0, sectorCount: 4 }, into, 0));
  assert.deepEqual([0, 1, 2, 3].map((at) => into[at * 512]), [1, 2, 3, 1]);
  synced.resolve();
  assert.ok((await Promise.all(writes)).every((ok) => ok));
  await device.drain();
  closeSync(descriptor);
  await Deno.remove(path);
});

Deno.test("a read sees the writes of before, though they reach the file while it is under way", async () => {
  await withRig(async ({ device, reads }) => {
    const tickets = new Tickets(device);
    const written = tickets.write(3, sectors(1, 9));
    const read = readSectors(device, 2, 4);
    assert.ok(await written);
    assert.equal(reads.started.length, 1);
    reads.started[0]!.give(4 * 512, 5);
    const bytes = await read;
    assert.deepEqual([0, 1, 2, 3].map((at) => bytes[at * 512]), [5, 9, 5, 5]);
  });
});

Deno.test("a read that gets less than it asked for goes on, up to the file's end", async () => {
  await withRig(async ({ device, reads, failures }) => {
    const whole = readSectors(device, 8, 8);
    await turn();
    reads.started[0]!.give(1000, 5);
    await turn();
    const { piece } = reads.started[1]!;
    assert.equal(piece.position, 8 * 512 + 1000);
    assert.equal(piece.byteCount, 4096 - 1000);
    reads.started[1]!.give(piece.byteCount, 6);
    const bytes = await whole;
    assert.deepEqual([bytes[999], bytes[1000], bytes[4095]], [5, 6, 6]);

    const cut = readSectors(device, 8, 8);
    await turn();
    reads.started[2]!.give(0, 0);
    await assert.rejects(cut, /ends at byte 4096/);
    assert.equal(failures.length, 1);
  });
});

Deno.test("reads that fail are reported, and others have their turn", async () => {
  await withRig(async ({ device, reads, failures }) => {
    const failing = Array.from(
      { length: READS_MAX },
      (_, at) => assert.rejects(readSectors(device, 8 * at, 8), /no luck/),
    );
    await turn();
    const last = readSectors(device, 0, 8);
    for (const read of [...reads.started]) read.fail("no luck");
    await Promise.all(failing);
    assert.equal(failures.length, READS_MAX);
    assert.match(
      failures[0]!,
      /Cannot read sectors 0 to 7 of .*deepshelf-devices-.*: no luck/,
    );
    await turn();
    reads.started.at(-1)!.give(4096, 4);
    assert.deepEqual(await last, sectors(8, 4));
  });
});

Deno.test("a file is let go of when its last read has ended, and not before", async () => {
  await withRig(async ({ device, reads, close }) => {
    const count = READS_MAX + 1;
    const waiting = Array.from(
      { length: count },
      () => readSectors(device, 0, 8),
    );
    let isClosed = false;
    const closed = close().then(() => isClosed = true);
    for (let at = 0; at < count; at++) {
      await turn();
      assert.ok(!isClosed && !reads.isClosed, `read ${at} is under way`);
      reads.started[at]!.give(4096, 1);
    }
    await closed;
    assert.ok(reads.isClosed);
    await Promise.all(waiting);
  });
});

Deno.test("a disk that has grown is read where it is new", async () => {
  await withRig(async ({ device, reads }) => {
    device.grow(2 * SECTOR_COUNT);
    const read = readSectors(device, 2 * SECTOR_COUNT - 8, 8);
    await turn();
    const { piece } = reads.started[0]!;
    assert.equal(piece.position, (2 * SECTOR_COUNT - 8) * 512);
    reads.started[0]!.give(4096, 2);
    assert.deepEqual(await read, sectors(8, 2));
  });
});
