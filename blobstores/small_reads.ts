/**
 * Small reads of files on a local disk, many at once, without a thread for each.
 *
 * A read is announced to the system, which begins to fetch it, and is made one
 * turn of the event loop later with all others of that turn: the disk works on
 * all of them at once, and the thread waits for the first at most. A read that
 * another thread makes costs five times as much (measured, 2026-11).
 *
 * A disk that lets the thread wait (a spinning one) is left to other threads for
 * a while; one of another machine always: it may hang, and the thread with it.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { FoundRanges } from "./blob_store.ts";
import { type FileRange, systemErrorCode } from "./file_system.ts";
import {
  type OpenFile,
  OpenFiles,
  readFileInto,
  readFileNow,
} from "./open_files.ts";
import {
  isRemoteType,
  type ReadAnnouncer,
  systemAnnouncer,
} from "./read_announcer.ts";

/** Most bytes of a small read. */
const BYTES_MAX: number = 64 * 1024;
/** A disk that lets the thread wait so long for a read, on average… */
const WAIT_MS_MAX = 4;
/** …of about so many… */
const WAITS_AVERAGED = 16;
/** …is spared for this long. */
const PAUSE_MS = 1000;
/** How often files that are not relied on any more are closed. */
const SWEEP_INTERVAL_MS = 1000;

/** What small reads need from outside. */
export interface SmallReadsOptions {
  /** The files; owned. */
  readonly files: OpenFiles;
  /** Announces; owned. */
  readonly announcer: ReadAnnouncer;
  /** Milliseconds from any origin. */
  readonly nowMs: () => number;
  /** Does some work again and again; what it returns ends that. */
  readonly repeat: (work: () => void, intervalMs: number) => () => void;
}

/** Reads small ranges of files that stay open. */
export class SmallReads {
  readonly #options: SmallReadsOptions;
  #turn: Promise<void> | undefined;
  #meanWaitMs = 0;
  #pausedUntilMs = -Infinity;
  #active = 0;
  #closed = false;
  readonly #endSweeps: () => void;

  /** Opens nothing yet. */
  constructor(options: SmallReadsOptions) {
    this.#options = options;
    const { files, repeat } = options;
    this.#endSweeps = repeat(() => files.sweep(), SWEEP_INTERVAL_MS);
  }

  /**
   * Reads `length` bytes from the byte `offset` of the file that stands at
   * `path`, or stood there a second ago: fewer only at its end. Rejects with
   * the system's error. Undefined when the read is not to be made here: too
   * long, or the disk too slow.
   */
  read(
    path: string,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> | undefined {
    if (this.#closed || length > BYTES_MAX) return undefined;
    if (this.#options.nowMs() < this.#pausedUntilMs) return undefined;
    return this.#read(path, offset, length);
  }

  /**
   * The same with many ranges, for which it waits together. Those are undefined
   * that the system refuses, that end before, or that are not to be read here:
   * the rest of them, once the disk lets the thread wait.
   */
  readAll(ranges: readonly FileRange[]): Promise<FoundRanges> | undefined {
    if (this.#closed || this.#options.nowMs() < this.#pausedUntilMs) {
      return undefined;
    }
    return this.#readAll(ranges);
  }

  /** What stands at `path` is another file from now on, or none. */
  forget(path: string): void {
    this.#options.files.forget(path);
  }

  /** Reads no more; lets go of everything when what is under way is done. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endSweeps();
    this.#options.files.clear();
    if (this.#active === 0) this.#options.announcer.close();
  }

  async #read(
    path: string,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { files, announcer, nowMs } = this.#options;
    const openMs = nowMs();
    const file = files.take(path);
    this.#active++;
    try {
      announcer.announce(file.descriptor, offset, length);
      // A folder that is not in memory is read for a file to be opened.
      const openedMs = nowMs();
      await (this.#turn ??= this.#nextTurn());
      const readMs = nowMs();
      const bytes = readFileNow(file, offset, length);
      this.#noteWait(openedMs - openMs + nowMs() - readMs, 1);
      return bytes;
    } finally {
      files.give(file);
      this.#endRead();
    }
  }

  async #readAll(ranges: readonly FileRange[]): Promise<FoundRanges> {
    const { files, nowMs } = this.#options;
    const openMs = nowMs();
    const taken: (OpenFile | undefined)[] = [];
    this.#active++;
    try {
      for (const range of ranges) taken.push(this.#announce(range));
      let openingMs = nowMs() - openMs;
      await (this.#turn ??= this.#nextTurn());
      const found: (Uint8Array<ArrayBuffer> | undefined)[] = [];
      // Some at a time: a slow disk must not keep the thread for all of them.
      do {
        const start = found.length;
        const end = start + WAITS_AVERAGED;
        const readMs = nowMs();
        const some = readAllNow(
          ranges.slice(start, end),
          taken.slice(start, end),
        );
        found.push(...some);
        this.#noteWait(openingMs + nowMs() - readMs, some.length);
        openingMs = 0;
      } while (found.length < ranges.length && nowMs() >= this.#pausedUntilMs);
      return ranges.map((_, place) => found[place]);
    } finally {
      for (const file of taken) if (file !== undefined) files.give(file);
      this.#endRead();
    }
  }

  /** The file of a range that the system fetches now; undefined where that cannot be. */
  #announce({ path, offset, length }: FileRange): OpenFile | undefined {
    if (length > BYTES_MAX) return undefined;
    try {
      const file = this.#options.files.take(path);
      this.#options.announcer.announce(file.descriptor, offset, length);
      return file;
    } catch (error) {
      return nothingOf(error);
    }
  }

  #endRead(): void {
    this.#active--;
    if (this.#closed && this.#active === 0) this.#options.announcer.close();
  }

  /** Notes how long `count` reads kept the thread waiting, all together. */
  #noteWait(waitMs: number, count: number): void {
    const share = Math.min(1, count / WAITS_AVERAGED);
    this.#meanWaitMs += (waitMs / count - this.#meanWaitMs) * share;
    if (this.#meanWaitMs < WAIT_MS_MAX) return;
    this.#meanWaitMs = 0;
    this.#pausedUntilMs = this.#options.nowMs() + PAUSE_MS;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      })
    );
  }
}

/** What `taken` files have of their ranges, in one buffer. */
function readAllNow(
  ranges: readonly FileRange[],
  taken: readonly (OpenFile | undefined)[],
): FoundRanges {
  let byteCount = 0;
  taken.forEach((file, place) => {
    if (file !== undefined) byteCount += ranges[place]!.length;
  });
  const buffer = new ArrayBuffer(byteCount);
  let start = 0;
  return taken.map((file, place) => {
    if (file === undefined) return undefined;
    const { offset, length } = ranges[place]!;
    const bytes = new Uint8Array(buffer, start, length);
    start += length;
    try {
      return readFileInto(file, bytes, offset) === length ? bytes : undefined;
    } catch (error) {
      return nothingOf(error);
    }
  });
}

/** Nothing, where the system refuses; throws any other error on. */
function nothingOf(error: unknown): undefined {
  if (systemErrorCode(error) === "") throw error;
}

/**
 * Small reads of the file system of a file, which stands at `path`; undefined
 * where the system cannot be told of reads, or the disk is not this computer's;
 * null where nothing stands there. Resolves late or never where that hangs.
 */
export async function openSmallReads(
  path: string,
): Promise<SmallReads | undefined | null> {
  const announcer = systemAnnouncer();
  if (announcer === undefined) return undefined;
  const type = await announcer.fileSystemType(path);
  if (type === undefined || isRemoteType(type)) {
    announcer.close();
    return type === undefined ? null : undefined;
  }
  const nowMs = (): number => performance.now();
  const files = new OpenFiles({ nowMs });
  return new SmallReads({ files, announcer, nowMs, repeat });
}

/** Keeps no process alive. */
function repeat(work: () => void, intervalMs: number): () => void {
  const timer = setInterval(work, intervalMs);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}
