/**
 * The extents of packs that lie on the local disk: kept as far as there is room,
 * checked whenever they are read.
 *
 * What is found on disk is never trusted: an extent whose checksum does not fit
 * (a torn write, rotten bits, a foreign file) is not there. Nor does a disk that
 * is full or fails do harm: what cannot be kept is fetched again.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { CacheFolder } from "./cache_folder.ts";
import {
  CacheTable,
  type FoundExtent,
  type PackId,
  RECORD_LENGTH,
} from "./cache_table.ts";

/**
 * Bytes of an extent: what a read of one block of 4 KiB brings. With 32 reads
 * outstanding at 20 ms each and 100 MB/s, 32 KiB take half of the bandwidth and
 * 64 KiB all of it; eight neighbours come along.
 */
export const EXTENT_BYTES: number = 32 * 1024;

const MAGIC = "deepshelf extents 1, 32 KiB     ";
/** Read at once where extents lie side by side. */
const RUN_EXTENTS_MAX = 32;
/** Between two looks at how much of the disk is free: 32 MiB. */
const FREE_LOOK_EXTENTS = 1024;

/** Options of `CacheExtents`. */
export interface CacheExtentsOptions {
  /** Where they are; owned. */
  readonly folder: CacheFolder;
  /** Most bytes of extents. */
  readonly bytesMax: number;
  /** Bytes of the disk that are left free. */
  readonly reserveBytes: number;
  /** Told what an operator should know, once for each kind. */
  readonly report: (message: string) => void;
}

/** Counts since the cache was opened. */
export interface CacheExtentsCounts {
  /** Extents whose checksum did not fit. */
  damagedCount: number;
  /** Operations of the disk that failed. */
  failedCount: number;
}

/** Extents by pack and number. */
export class CacheExtents {
  readonly counts: CacheExtentsCounts = { damagedCount: 0, failedCount: 0 };
  readonly #options: CacheExtentsOptions;
  readonly #table: CacheTable;
  readonly #reported = new Set<string>();
  readonly #drops = new Set<Promise<void>>();
  #mayGrow = true;
  #untilFreeLook = 0;

  private constructor(options: CacheExtentsOptions) {
    this.#options = options;
    const slotCount = Math.floor(options.bytesMax / EXTENT_BYTES);
    this.#table = new CacheTable(Math.max(1, slotCount), EXTENT_BYTES);
  }

  /** Opens the cache with what an earlier process left. Rejects when the disk fails. */
  static async open(options: CacheExtentsOptions): Promise<CacheExtents> {
    const cache = new CacheExtents(options);
    await cache.#load();
    return cache;
  }

  /** Bytes on disk. */
  get byteCount(): number {
    return this.#table.heldCount * EXTENT_BYTES;
  }

  /** Extents that had to go for others. */
  get evictedCount(): number {
    return this.#table.evictedCount;
  }

  /** Extents `first` to before `end` of a pack, each the caller's; undefined where it is not at hand. */
  async read(
    pack: PackId,
    first: number,
    end: number,
  ): Promise<(Uint8Array | undefined)[]> {
    const reads: Promise<(Uint8Array | undefined)[]>[] = [];
    let run: FoundExtent[] = [];
    for (let extent = first; extent < end; extent++) {
      const found = this.#table.find(pack, extent);
      const last = run.at(-1);
      const joins = last !== undefined && last.slot + 1 === found?.slot &&
        last.length === EXTENT_BYTES && run.length < RUN_EXTENTS_MAX;
      if (!joins && run.length > 0) {
        reads.push(this.#readRun(pack, extent - run.length, run));
        run = [];
      }
      if (found === undefined) reads.push(Promise.resolve([undefined]));
      else run.push(found);
    }
    if (run.length > 0) reads.push(this.#readRun(pack, end - run.length, run));
    return (await Promise.all(reads)).flat();
  }

  /**
   * Keeps extents from number `first` on; `bytes`, borrowed until it resolves,
   * end with the pack if the last one is shorter. Never rejects.
   */
  async keep(pack: PackId, first: number, bytes: Uint8Array): Promise<void> {
    const count = Math.ceil(bytes.length / EXTENT_BYTES);
    const slots: number[] = [];
    while (slots.length < count) {
      const slot = this.#takeSlot();
      if (slot === undefined) break;
      slots.push(slot);
    }
    let isWritten = true;
    for (let from = 0; from < slots.length;) {
      let end = from + 1;
      while (
        end < slots.length && end - from < RUN_EXTENTS_MAX &&
        slots[end] === slots[end - 1]! + 1
      ) end++;
      const run = slots.slice(from, end);
      const part = bytes.subarray(from * EXTENT_BYTES, end * EXTENT_BYTES);
      if (isWritten) {
        isWritten = await this.#writeRun(run, part, { pack, at: first + from });
      } else for (const slot of run) this.#table.release(slot);
      from = end;
    }
  }

  /** Forgets extents `first` to before `end` of a pack. */
  drop(pack: PackId, first: number, end: number): void {
    for (let extent = first; extent < end; extent++) {
      const found = this.#table.find(pack, extent);
      if (found !== undefined) this.#drop(found.slot);
    }
  }

  /** Closes the folder. No other call may be under way. */
  async close(): Promise<void> {
    while (this.#drops.size > 0) await Promise.all(this.#drops);
    this.#options.folder.close();
  }

  /** Also on disk: a later process must not find it again. */
  #drop(slot: number): void {
    this.#table.drop(slot);
    const record = new Uint8Array(RECORD_LENGTH);
    const written = this.#options.folder.table
      .write(record, (slot + 1) * RECORD_LENGTH)
      .catch((error: unknown) => this.#failed("write", error))
      .finally(() => this.#drops.delete(written));
    this.#drops.add(written);
  }

  async #load(): Promise<void> {
    const { table, extents } = this.#options.folder;
    const magic = new TextEncoder().encode(MAGIC);
    const image = new Uint8Array(
      Math.min(table.size(), (this.#table.slotCount + 1) * RECORD_LENGTH),
    );
    await table.read(image, 0);
    const isOurs = image.length >= RECORD_LENGTH &&
      magic.every((byte, index) => image[index] === byte);
    if (!isOurs) {
      table.truncate(0);
      extents.truncate(0);
      await table.write(magic, 0);
      return;
    }
    this.#table.load(image.subarray(RECORD_LENGTH));
    const bytesMax = this.#table.slotCount * EXTENT_BYTES;
    if (extents.size() > bytesMax) extents.truncate(bytesMax);
  }

  /** Reads extents that lie side by side. */
  async #readRun(
    pack: PackId,
    first: number,
    run: readonly FoundExtent[],
  ): Promise<(Uint8Array | undefined)[]> {
    const start = run[0]!.slot * EXTENT_BYTES;
    const bytes = new Uint8Array(
      (run.length - 1) * EXTENT_BYTES + run.at(-1)!.length,
    );
    try {
      await this.#options.folder.extents.read(bytes, start);
    } catch (error) {
      this.#failed("read", error);
      return run.map(() => undefined);
    }
    return run.map((found, index) => {
      const at = index * EXTENT_BYTES;
      const extent = bytes.subarray(at, at + found.length);
      if (crc32(extent) === found.checksum) return extent;
      // Unless the slot was given to another extent meanwhile.
      const now = this.#table.find(pack, first + index);
      if (now?.slot === found.slot && now.checksum === found.checksum) {
        this.counts.damagedCount++;
        this.#drop(found.slot);
      }
      return undefined;
    });
  }

  /** Writes taken slots that lie side by side, and enters them. False when the disk would not. */
  async #writeRun(
    slots: readonly number[],
    bytes: Uint8Array,
    extent: { readonly pack: PackId; readonly at: number },
  ): Promise<boolean> {
    const { extents, table } = this.#options.folder;
    const first = slots[0]!;
    try {
      await extents.write(bytes, first * EXTENT_BYTES);
    } catch (error) {
      // There is no room for slots at the end: they stay taken until a restart.
      const isFull = (error as { code?: unknown }).code === "ENOSPC";
      if (isFull) this.#mayGrow = false;
      else for (const slot of slots) this.#table.release(slot);
      this.#failed("write", error);
      return false;
    }
    slots.forEach((slot, index) => {
      const start = index * EXTENT_BYTES;
      const piece = bytes.subarray(start, start + EXTENT_BYTES);
      this.#table.enter(slot, extent.pack, extent.at + index, piece);
    });
    try {
      const records = this.#table.records(first, slots.length).slice();
      await table.write(records, (first + 1) * RECORD_LENGTH);
    } catch (error) {
      // They are found as long as this process runs.
      this.#failed("write", error);
    }
    return true;
  }

  #takeSlot(): number | undefined {
    if (this.#mayGrow && this.#untilFreeLook-- <= 0) {
      this.#untilFreeLook = FREE_LOOK_EXTENTS;
      const { folder, reserveBytes } = this.#options;
      const free = folder.freeBytes();
      if (free !== undefined && free < reserveBytes) {
        this.#mayGrow = false;
        this.#report(
          "full",
          `The pack cache in ${folder.location} stays at ${this.byteCount} ` +
            `bytes: only ${free} bytes of its disk are free`,
        );
      }
    }
    return this.#table.take(this.#mayGrow);
  }

  #failed(action: string, error: unknown): void {
    this.counts.failedCount++;
    const { folder } = this.#options;
    const found = error instanceof Error ? error.message : String(error);
    this.#report(
      action,
      `Cannot ${action} the pack cache in ${folder.location}: ${found}; what ` +
        `it does not have is fetched from the store`,
    );
  }

  #report(kind: string, message: string): void {
    if (this.#reported.has(kind)) return;
    this.#reported.add(kind);
    this.#options.report(message);
  }
}
