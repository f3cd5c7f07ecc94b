/**
 * A disk over an open file or block device, with the archive's promise: a
 * ticket settles when its bytes are on stable storage.
 *
 * Invariants:
 * - one batch is written and synced at a time while the next one gathers, so a
 *   sync serves every write that came during the one before;
 * - a read sees the bytes of both, since they may not be in the file yet;
 * - with `reads`, no read waits for the disk on this thread;
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
import {
  type FileReads,
  type Piece,
  type PieceCall,
  transfer,
} from "./file_reads.ts";
import { Turns } from "./turns.ts";
import { WriteBatch } from "./write_batch.ts";

/** Bytes of a batch; a full one makes writers wait. */
const BATCH_BYTES_MAX: number = 1024 * 1024;
/** Reads on other threads at once: Deno has 32 for all files, and a disk that hangs keeps those it has. */
const READS_MAX = 16;

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
  /** Reads the file, closed by whoever made them; without them each read waits for the disk on this thread. */
  readonly reads?: FileReads;
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
  readonly #read: PieceCall;
  readonly #write: PieceCall;
  readonly #readTurns: Turns = new Turns(READS_MAX);
  #pendingReads = 0;
  #idleWaiters: (() => void)[] = [];

  /** A disk over `options.descriptor`. */
  constructor(options: FileDeviceOptions) {
    this.#options = options;
    const { descriptor, reads } = options;
    this.#read = reads?.read ?? pieceCall(read, descriptor);
    // Waits on this thread, but for memory alone: a batch is small beside what
    // the system takes before it slows writers, and its sync waits elsewhere.
    // Only a write of less than a page reads the rest of it first.
    this.#write = pieceCall(write, descriptor);
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

  /** Copies what the system has in memory, and what is on its way there. */
  readNow(range: SectorRange, into: Uint8Array, offset: number): boolean {
    const { reads } = this.#options;
    if (reads === undefined || !reads.readNow(pieceOf(range, into, offset))) {
      return false;
    }
    this.#inFlight.patch(range, into, offset);
    this.#gathering.patch(range, into, offset);
    return true;
  }

  /** Reads the file, and what is on its way there. */
  async read(
    range: SectorRange,
    into: Uint8Array,
    offset: number,
  ): Promise<void> {
    // Taken now: a batch may reach the file, and be gone, while we read.
    const newer = this.#newerThanFile(range);
    this.#pendingReads++;
    try {
      await this.#readTurns.run(() =>
        transfer(this.#read, pieceOf(range, into, offset))
      );
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
        await transfer(this.#write, {
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

function pieceOf(range: SectorRange, bytes: Uint8Array, offset: number): Piece {
  return {
    bytes: bytes as Uint8Array<ArrayBuffer>,
    offset,
    byteCount: range.sectorCount * SECTOR_SIZE,
    position: range.lba * SECTOR_SIZE,
  };
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

function pieceCall(call: Call, descriptor: number): PieceCall {
  return ({ bytes, offset, byteCount, position }) =>
    new Promise((resolve, reject) =>
      call(
        descriptor,
        bytes,
        offset,
        byteCount,
        position,
        (error, count) => error ? reject(error) : resolve(count),
      )
    );
}

/** Resolves when everything written to an open file is on stable storage. */
export function syncData(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) =>
    fdatasync(descriptor, (error) => error ? reject(error) : resolve())
  );
}
