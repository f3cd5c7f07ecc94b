/**
 * A disk over an open file or block device, with the archive's promise: a
 * ticket settles when its bytes are on stable storage.
 *
 * Invariants:
 * - one batch is written and synced at a time while the next one gathers, so a
 *   sync serves every write that came during the one before;
 * - a read sees the bytes of both, since they may not be in the file yet;
 * - a batch that could not be written or synced fails all of its tickets.
 *
 * @module
 */

import { fdatasync, read, write } from "node:fs";
import {
  type BlockDevice,
  type DeviceIdentity,
  SECTOR_SIZE,
  type SectorRange,
  type SettleListener,
} from "../aoe/block_device.ts";
import { wordsOf } from "./device_error.ts";
import { WriteBatch } from "./write_batch.ts";

/** Bytes of a batch; a full one makes writers wait. */
const BATCH_BYTES_MAX: number = 1024 * 1024;

/** An open file as a disk. */
export interface FileDeviceOptions {
  /** The open file; closing it is for whoever opened it, after `drain`. */
  readonly descriptor: number;
  /** What it is, for messages. */
  readonly label: string;
  /** Sectors, a positive multiple of 8. */
  readonly sectorCount: number;
  /** Refuse writes. */
  readonly readOnly: boolean;
  /** Makes what was written durable; `syncData` unless it dies with the process. */
  readonly sync: (descriptor: number) => Promise<void>;
  /** Names for IDENTIFY. */
  readonly identity: DeviceIdentity;
  /** Told of every read and batch that failed, in words for the operator. */
  readonly onFailure: (message: string) => void;
}

/** A disk over an open file. */
export class FileDevice implements BlockDevice {
  /** Whether the target refuses writes. */
  readonly readOnly: boolean;
  /** Names for IDENTIFY. */
  readonly identity: DeviceIdentity;
  readonly #options: FileDeviceOptions;
  #sectorCount: number;
  #gathering: WriteBatch = new WriteBatch(BATCH_BYTES_MAX);
  #inFlight: WriteBatch = new WriteBatch(BATCH_BYTES_MAX);
  #writing: Promise<void> | undefined;
  #ticket = 0;
  #settledTicket = 0;
  #listener: SettleListener | undefined;
  #roomWaiters: (() => void)[] = [];
  #pendingReads = 0;
  #idleWaiters: (() => void)[] = [];

  /** A disk over `options.descriptor`. */
  constructor(options: FileDeviceOptions) {
    this.#options = options;
    this.readOnly = options.readOnly;
    this.identity = options.identity;
    this.#sectorCount = options.sectorCount;
  }

  /** Sectors; see `grow`. */
  get sectorCount(): number {
    return this.#sectorCount;
  }

  /** The newest ticket, or 0 when every ticket has settled. */
  get lastTicket(): number {
    return this.#ticket === this.#settledTicket ? 0 : this.#ticket;
  }

  /** Takes note of a larger size; a smaller one is ignored. */
  grow(sectorCount: number): void {
    this.#sectorCount = Math.max(this.#sectorCount, sectorCount);
  }

  /** False: the system may have to ask the disk. */
  readNow(_range: SectorRange, _into: Uint8Array, _offset: number): boolean {
    return false;
  }

  /** Reads the file, and what is on its way there. */
  async read(
    range: SectorRange,
    into: Uint8Array,
    offset: number,
  ): Promise<void> {
    const byteCount = range.sectorCount * SECTOR_SIZE;
    // Taken now: a batch may reach the file, and be gone, while we read.
    const newer = this.#newerThanFile(range);
    this.#pendingReads++;
    try {
      await transfer(read, this.#options.descriptor, {
        bytes: into as Uint8Array<ArrayBuffer>,
        offset,
        byteCount,
        position: range.lba * SECTOR_SIZE,
      });
    } catch (error) {
      const message = `Cannot read sectors ${range.lba} to ${
        range.lba + range.sectorCount - 1
      } of ${this.#options.label}: ${wordsOf(error)}`;
      this.#options.onFailure(message);
      throw new Error(message, { cause: error });
    } finally {
      this.#pendingReads--;
      if (this.#pendingReads === 0) this.#wake(this.#idleWaiters);
    }
    newer?.patch(range, into, offset);
  }

  /** Takes the sectors; they are on their way to the file. */
  write(range: SectorRange, from: Uint8Array, offset: number): number {
    if (!this.#gathering.append(range, from, offset)) return 0;
    this.#writing ??= this.#writeBatches();
    return ++this.#ticket;
  }

  /** Resolves when the next batch has room. */
  writable(): Promise<void> {
    if (this.#writing === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Registers the one listener. */
  onSettled(listener: SettleListener): void {
    this.#listener = listener;
  }

  /** Resolves when no call of the system is under way any more. */
  async drain(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#pendingReads === 0) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** What the batches hold of these sectors; undefined when it is nothing. */
  #newerThanFile(range: SectorRange): WriteBatch | undefined {
    if (this.#gathering.isEmpty && this.#inFlight.isEmpty) return undefined;
    const newer = new WriteBatch(
      this.#inFlight.overlapBytes(range) + this.#gathering.overlapBytes(range),
    );
    this.#inFlight.copyOverlap(range, newer);
    this.#gathering.copyOverlap(range, newer);
    return newer;
  }

  async #writeBatches(): Promise<void> {
    // The caller of `write` does not know its ticket yet.
    await Promise.resolve();
    while (!this.#gathering.isEmpty) {
      const batch = this.#gathering;
      this.#gathering = this.#inFlight;
      this.#inFlight = batch;
      const through = this.#ticket;
      this.#wake(this.#roomWaiters);
      const ok = await this.#commit(batch);
      batch.clear();
      this.#settledTicket = through;
      this.#listener?.(through, ok);
    }
    this.#writing = undefined;
  }

  async #commit(batch: WriteBatch): Promise<boolean> {
    const { descriptor, label, sync, onFailure } = this.#options;
    try {
      for (const run of batch.runs) {
        await transfer(write, descriptor, {
          bytes: batch.bytes,
          offset: run.offset,
          byteCount: run.sectorCount * SECTOR_SIZE,
          position: run.lba * SECTOR_SIZE,
        });
      }
      await sync(descriptor);
      return true;
    } catch (error) {
      onFailure(
        `Cannot write to ${label}: ${
          wordsOf(error)
        }; the writes of this batch were answered with an error`,
      );
      return false;
    }
  }

  #wake(waiters: (() => void)[]): void {
    for (const resolve of waiters.splice(0)) resolve();
  }
}

/** One contiguous piece of a transfer between memory and a file. */
interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly offset: number;
  readonly byteCount: number;
  readonly position: number;
}

/** `read` or `write` of `node:fs`, as far as a transfer uses them. */
type Call = (
  descriptor: number,
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
  byteCount: number,
  position: number,
  done: (error: Error | null, count: number) => void,
) => void;

/** Repeats a call that moved less than it was asked to. Rejects at the file's end. */
async function transfer(
  call: Call,
  descriptor: number,
  piece: Piece,
): Promise<void> {
  let moved = 0;
  while (moved < piece.byteCount) {
    const count = await new Promise<number>((resolve, reject) =>
      call(
        descriptor,
        piece.bytes,
        piece.offset + moved,
        piece.byteCount - moved,
        piece.position + moved,
        (error, done) => error ? reject(error) : resolve(done),
      )
    );
    if (count === 0) {
      throw new Error(`it ends at byte ${piece.position + moved}`);
    }
    moved += count;
  }
}

/** Resolves when everything written to an open file is on stable storage. */
export function syncData(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) =>
    fdatasync(descriptor, (error) => error ? reject(error) : resolve())
  );
}
