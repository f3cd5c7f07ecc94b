/**
 * The journal: acknowledged writes on stable storage, until the archive has
 * them.
 *
 * Group commit without timers: a batch gathers until the present turn of the
 * event loop ends, so that frames drained together go together; while one batch
 * is written and synced the next one gathers. At most one batch is unsynced, so
 * after a crash at most the last batch is torn. The tickets of a batch that
 * BatchWriter can write nowhere settle with `ok` false.
 *
 * @module
 */

import { BatchWriter, type BatchWriterOptions } from "./batch_writer.ts";
import {
  JournalBatch,
  type JournalVolume,
  type JournalWrite,
} from "./journal_batch.ts";
import { CHECKSUM_LENGTH } from "./journal_format.ts";
import { WrittenWaiters } from "./written_waiters.ts";

const SECTOR_SIZE = 512;
/** How often a reply that is held back is looked at again. */
const HOLD_LOOK_MS = 50;

/** Options of `Journal`. */
export interface JournalOptions extends BatchWriterOptions {
  /** Bytes of all segments together beyond which writes are refused. */
  readonly journalBytesMax: number;
  /** Bytes of one batch; a multiple of 4096. */
  readonly batchBytesMax: number;
  /** Called when all tickets through this one are settled. */
  readonly settled: (throughTicket: number, ok: boolean) => void;
  /** Called when a refused `append` may be tried again. */
  readonly roomMade: () => void;
  /** How long to hold back the next settling: back-pressure. */
  readonly delayMs: () => number;
}

/** Takes writes and makes them durable. */
export class Journal {
  /** Bytes of all writes ever appended to this object. */
  appendedBytes = 0;
  /** Counts batches that could not be made durable. */
  failureCount = 0;
  readonly #options: JournalOptions;
  readonly #writer: BatchWriter;
  readonly #stop: AbortController = new AbortController();
  /** Ends back-pressure. */
  readonly #hurry: AbortController = new AbortController();
  #gathering: JournalBatch;
  #other: JournalBatch;
  #busy = false;
  #scheduled = false;
  #turnUsed = false;
  #closed: Promise<void> | undefined;
  #idleWaiters: (() => void)[] = [];
  #lastAppended = 0;
  readonly #written: WrittenWaiters = new WrittenWaiters(this.#stop.signal);

  /** A journal that goes on after `last`. */
  constructor(options: JournalOptions) {
    this.#options = options;
    this.#gathering = new JournalBatch(options.batchBytesMax);
    this.#other = new JournalBatch(options.batchBytesMax);
    this.#writer = new BatchWriter(options, {
      byteCount: () => this.byteCount,
      isAwaited: () => !this.#written.empty,
      hurry: this.#hurry.signal,
      blocking: () => this.#useTurn(),
      succeeded: (batch) => this.#succeed(batch),
      failed: (batch) => this.#fail(batch),
    });
  }

  /** Bytes in use, on disk and on the way there. */
  get byteCount(): number {
    return this.#options.segments.byteCount + this.#gathering.byteCount;
  }

  /** Bytes that it may have, or that its disk has room for, as far as is known. */
  get bytesMax(): number {
    const { journalBytesMax, room } = this.#options;
    return Math.min(journalBytesMax, room.bytesMax);
  }

  /** True if the journal cannot take so much before a checkpoint. */
  isFullFor(write: JournalWrite): boolean {
    const length = write.sectorCount * SECTOR_SIZE;
    return this.byteCount + length > this.#options.journalBytesMax;
  }

  /**
   * Copies a write into the gathering batch, however full the journal is; false,
   * taking nothing, when the batch is. Settles later, in the order of tickets.
   */
  append(
    volume: JournalVolume,
    write: JournalWrite,
    from: Uint8Array,
    offset: number,
    ticket: number,
  ): boolean {
    if (this.#stop.signal.aborted) return false;
    if (!this.#gathering.append(volume, write, from, offset, ticket)) {
      return false;
    }
    this.appendedBytes += write.sectorCount * SECTOR_SIZE;
    this.#lastAppended = ticket;
    if (!this.#busy) this.#schedule();
    return true;
  }

  /** Takes the first segment, and has the next one made ahead of need. */
  start(): void {
    this.rotate();
    this.#writer.prepareNext();
  }

  /**
   * Starts a new segment if one is ready. The one after it is one that is let
   * go of, so `retireBelow` belongs to it, or to another soon. Returns a number below which no
   * segment holds, or will hold, a write that was appended after this call.
   */
  rotate(): number {
    return this.#writer.rotate();
  }

  /**
   * The same, but waits until a new segment is ready: it is above every segment
   * with a write that was settled before this call.
   */
  async turnOver(): Promise<number> {
    await this.#options.segments.prepare();
    return this.rotate();
  }

  /** Lets go of segments whose writes the archive has; one of them is the next. */
  async retireBelow(number: number): Promise<void> {
    try {
      await this.#options.segments.retireBelow(number);
    } finally {
      this.#writer.prepareNext();
    }
    this.#options.roomMade();
  }

  /**
   * Resolves when what was appended before is durable, or could not be made so;
   * rejects when the journal is closed before. Nothing is held back for
   * back-pressure meanwhile.
   */
  written(): Promise<void> {
    return this.#written.wait(this.#lastAppended);
  }

  /** Settles what was appended, from now on without holding anything back. */
  drain(): Promise<void> {
    this.#hurry.abort();
    if (!this.#busy && this.#gathering.empty) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /**
   * Ends the journal: what is not yet settled never will be. With `remove`, for
   * a journal whose every write is archived, its files go too.
   */
  close(remove: boolean): Promise<void> {
    this.#closed ??= this.#close(remove);
    return this.#closed;
  }

  async #close(remove: boolean): Promise<void> {
    this.#stop.abort();
    this.#hurry.abort();
    while (this.#busy) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    }
    await this.#options.segments.close(remove);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = (): void => {
      this.#scheduled = false;
      this.#commit();
    };
    // One blocking sync in a turn: a client in this process that writes as soon
    // as it is answered would otherwise never let the event loop go on.
    if (this.#turnUsed) this.#options.clock.yieldTurn().then(run);
    else queueMicrotask(run);
  }

  #useTurn(): void {
    this.#turnUsed = true;
    this.#options.clock.yieldTurn().then(() => {
      this.#turnUsed = false;
    });
  }

  #commit(): void {
    if (this.#busy || this.#gathering.empty) return;
    if (this.#stop.signal.aborted) return;
    this.#busy = true;
    const batch = this.#gathering;
    this.#gathering = this.#other;
    this.#other = batch;
    this.#writer.write(batch);
    // There is an empty one to gather, wherever this one goes.
    this.#options.roomMade();
  }

  #succeed(batch: JournalBatch): void {
    this.#written.note(batch.lastTicket);
    if (this.#options.delayMs() === 0) this.#settle(batch, true);
    else this.#settleLater(batch);
  }

  #fail(batch: JournalBatch): void {
    this.failureCount++;
    this.#written.note(batch.lastTicket);
    this.#settle(batch, false);
  }

  async #settleLater(batch: JournalBatch): Promise<void> {
    const { clock, delayMs } = this.#options;
    const startMs = clock.nowMs();
    while (!this.#hurry.signal.aborted) {
      // Asked again and again: a checkpoint that made room ends the wait.
      const leftMs = startMs + delayMs() - clock.nowMs();
      if (leftMs <= 0 || !this.#written.empty) break;
      await clock.sleep(Math.min(leftMs, HOLD_LOOK_MS), this.#hurry.signal);
    }
    this.#settle(batch, true);
  }

  #settle(batch: JournalBatch, ok: boolean): void {
    const through = batch.lastTicket;
    batch.clear();
    this.#busy = false;
    this.#options.settled(through, ok);
    if (!this.#gathering.empty && !this.#stop.signal.aborted) {
      this.#schedule();
      return;
    }
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }
}

/** The checksum before the first batch of all. */
export const NO_CHECKSUM: Uint8Array = new Uint8Array(CHECKSUM_LENGTH);
