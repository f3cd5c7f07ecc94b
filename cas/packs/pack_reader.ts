/**
 * Reads blocks by score: index, ranged gets, decompression, verification.
 *
 * Invariants: nothing unverified is delivered; every block of a request is
 * delivered exactly once; what is wrong with one block concerns no other. A
 * block that does not verify becomes suspect in the index, so that a writer
 * stores it again, and is read from the new place as soon as there is one.
 *
 * @module
 */

import {
  type BlockReceiver,
  type ProbeReceiver,
  SCORE_LENGTH,
} from "../block_store.ts";
import {
  type BlockLocation,
  emptyLocation,
  type ScoreIndex,
} from "../index/score_index.ts";
import type { BlockVerifier } from "./block_verifier.ts";
import type { Neighbours } from "./neighbours.ts";
import { PackFault, type PackFiles } from "./pack_files.ts";
import { ReadBuffers } from "./read_buffers.ts";
import {
  type PlannedRange,
  planRanges,
  rangeOfOne,
  type WantedBlock,
} from "./read_plan.ts";

/** What is told of a block that is in no pack, as far as is known. */
export const UNKNOWN = "no pack is known to hold it";

/** Ranges up to this length are read together: each costs more than its bytes. */
const TOGETHER_BYTES_MAX = 64 * 1024;

/** A range of a pack that has a name. */
interface NamedRange extends PlannedRange {
  readonly name: string;
}

/** What a reader works with. */
export interface PackReaderOptions {
  /** The pack files. */
  readonly files: PackFiles;
  /** Where blocks lie. */
  readonly index: Pick<
    ScoreIndex,
    "get" | "suspect" | "packName" | "generation"
  >;
  /** Finds faster what is read together; the index is asked where absent. */
  readonly neighbours?: Neighbours;
  /** Decodes and verifies. */
  readonly verifier: BlockVerifier;
  /** As `IndexBuilder.proveAgain`, of an index that may have unproven entries. */
  readonly prove?: (pack: number) => Promise<boolean>;
  /** Memory for long reads, where other readers use it as well. */
  readonly buffers?: ReadBuffers;
}

/** The scores of a request, all of one kind, and who takes their blocks. */
interface Request {
  readonly kind: number;
  readonly scores: Uint8Array;
  /** True where no more than the keys of the scores are known, and no block is delivered. */
  readonly probes: boolean;
  readonly receive: BlockReceiver;
  /** Of the index, when the blocks were looked up. */
  readonly generation: number;
}

/** A block that could not be delivered from where it was thought to be. */
interface FailedBlock {
  readonly block: WantedBlock;
  /** What was found instead. */
  readonly reason: string;
}

/** Reads blocks from packs. */
export class PackReader {
  readonly #files: PackFiles;
  readonly #index: PackReaderOptions["index"];
  readonly #neighbours: Neighbours | undefined;
  readonly #verifier: BlockVerifier;
  readonly #prove: PackReaderOptions["prove"];
  readonly #buffers: ReadBuffers;

  /** Makes a reader. */
  constructor(options: PackReaderOptions) {
    this.#files = options.files;
    this.#index = options.index;
    this.#neighbours = options.neighbours;
    this.#verifier = options.verifier;
    this.#prove = options.prove;
    this.#buffers = options.buffers ?? new ReadBuffers();
  }

  /**
   * As `BlockStore.read`, but rejects with `IndexDamagedError` where the index
   * is damaged; some blocks may have been delivered by then. Where the index is
   * begun anew meanwhile damage means nothing, and is noted nowhere.
   */
  async read(
    kind: number,
    scores: Uint8Array,
    receive: BlockReceiver,
  ): Promise<void> {
    await this.#read({ kind, scores, probes: false, receive });
  }

  /** The same as `BlockStore.probe`. */
  async probe(
    kind: number,
    scores: Uint8Array,
    tell: ProbeReceiver,
  ): Promise<void> {
    const receive: BlockReceiver = (index, _, damage) => tell(index, damage);
    await this.#read({ kind, scores, probes: true, receive });
  }

  async #read(asked: Omit<Request, "generation">): Promise<void> {
    const preparing = this.#neighbours?.prepare(asked.scores);
    if (preparing !== undefined) await preparing;
    const { generation } = this.#index;
    const request = { ...asked, generation };
    let wanted = this.#locate(request);
    while (wanted.length > 0) {
      const failed = await this.#readAll(request, wanted);
      wanted = [];
      for (const failure of failed) {
        const moved = await this.#giveUp(request, failure);
        if (moved !== undefined) wanted.push(moved);
      }
    }
  }

  /** Looks all scores up; those that no pack holds are delivered as damage. */
  #locate(request: Request): WantedBlock[] {
    const wanted: WantedBlock[] = [];
    const count = request.scores.length / SCORE_LENGTH;
    const where = this.#neighbours ?? this.#index;
    for (let index = 0; index < count; index++) {
      const location = findIn(where, request, index);
      if (location !== undefined) wanted.push({ index, location });
      else this.#pass(request, index);
    }
    return wanted;
  }

  /**
   * Where and how the failed block lies by now, if that is otherwise; else
   * marks it and delivers the damage. What a copy of the index said of it is
   * compared with the pack first.
   */
  async #giveUp(
    request: Request,
    failed: FailedBlock,
  ): Promise<WantedBlock | undefined> {
    const { index, location } = failed.block;
    if (this.#isStale(request)) return this.#pass(request, index);
    this.#neighbours?.forget(location.pack);
    const proven = location.unproven && await this.#prove?.(location.pack);
    if (this.#isStale(request)) return this.#pass(request, index);
    const present = findIn(this.#index, request, index);
    if (present !== undefined && !isSamePlace(present, location)) {
      return { index, location: present };
    }
    if (proven === true && present?.unproven !== false) {
      return this.#pass(request, index);
    }
    this.#index.suspect(request.scores, index * SCORE_LENGTH);
    request.receive(index, undefined, {
      pack: this.#index.packName(location.pack),
      reason: failed.reason,
    });
    return undefined;
  }

  /** True where the numbers of packs are those of an index that is no more. */
  #isStale({ generation }: Request): boolean {
    return generation !== this.#index.generation;
  }

  #pass({ receive }: Request, index: number): undefined {
    receive(index, undefined, { reason: UNKNOWN });
  }

  async #readAll(
    request: Request,
    wanted: readonly WantedBlock[],
  ): Promise<FailedBlock[]> {
    const short: NamedRange[] = [];
    const results: Promise<FailedBlock[]>[] = [];
    for (const range of planRanges(wanted)) {
      const name = this.#index.packName(range.pack);
      if (range.length > TOGETHER_BYTES_MAX) {
        results.push(this.#readRange(request, range, name));
      } else short.push({ ...range, name });
    }
    if (short.length > 0) results.push(this.#readTogether(request, short));
    return (await Promise.all(results)).flat();
  }

  /** Gets short ranges with one operation, if the store can; those that it does not get, or get right, one by one. */
  async #readTogether(
    request: Request,
    ranges: readonly NamedRange[],
  ): Promise<FailedBlock[]> {
    const found = await this.#files.readTogether(ranges);
    const alone: Promise<FailedBlock[]>[] = [];
    ranges.forEach((range, place) => {
      const bytes = found[place];
      const { name, offset } = range;
      const left = bytes === undefined
        ? range.blocks
        : this.#deliverAll(request, range.blocks, bytes, offset)
          .map(({ block }) => block);
      if (left.length === 0) return;
      alone.push(this.#readRange(request, { ...range, blocks: left }, name));
    });
    return alone.length === 0 ? [] : (await Promise.all(alone)).flat();
  }

  /**
   * Gets a range, or else each of its blocks alone: a pack may have lost only a
   * part. What verifies is delivered at once; a store that has other copies is
   * asked for them as long as blocks are left.
   */
  async #readRange(
    request: Request,
    range: PlannedRange,
    name: string,
  ): Promise<FailedBlock[]> {
    const { offset, length, blocks } = range;
    /** Of the newest look, if there was one. */
    let failed: FailedBlock[] | undefined;
    const deliver = (bytes: Uint8Array): boolean => {
      const left = failed?.map(({ block }) => block) ?? blocks;
      failed = this.#deliverAll(request, left, bytes, offset);
      return failed.length === 0;
    };
    const buffers = this.#buffers;
    const bytes = await this.#files.read(
      name,
      offset,
      length,
      deliver,
      buffers.take,
    );
    if (!(bytes instanceof PackFault)) {
      failed ??= this.#deliverAll(request, blocks, bytes, offset);
      buffers.give(bytes);
      return failed;
    }
    const left = failed?.map(({ block }) => block) ?? blocks;
    if (blocks.length === 1) {
      return left.map((block) => ({ block, reason: bytes.reason }));
    }
    const alone = left.map((block) =>
      this.#readRange(request, rangeOfOne(block), name)
    );
    return (await Promise.all(alone)).flat();
  }

  /** Delivers blocks from bytes that begin at `start` of their pack; those that do not verify. */
  #deliverAll(
    request: Request,
    blocks: readonly WantedBlock[],
    bytes: Uint8Array,
    start: number,
  ): FailedBlock[] {
    const failed: FailedBlock[] = [];
    for (const block of blocks) {
      const reason = this.#deliver(request, block, bytes, start);
      if (reason !== undefined) failed.push({ block, reason });
    }
    return failed;
  }

  /** Delivers a block from bytes that begin at `start` of its pack; or says why it does not verify. */
  #deliver(
    request: Request,
    wanted: WantedBlock,
    bytes: Uint8Array,
    start: number,
  ): string | undefined {
    const { kind, scores, probes, receive } = request;
    const { index, location } = wanted;
    const { offset, length, codec } = location;
    const stored = bytes.subarray(offset - start, offset - start + length);
    const score = scores.subarray(
      index * SCORE_LENGTH,
      (index + 1) * SCORE_LENGTH,
    );
    if (probes) {
      const claim = { kind, codec, stored, key: score };
      const sound = this.#verifier.verifyListed(claim);
      if (typeof sound === "string") return sound;
      receive(index, undefined, undefined);
      return undefined;
    }
    const found = this.#verifier.verify({ kind, codec, stored, score });
    if (typeof found === "string") return found;
    receive(index, found, undefined);
    return undefined;
  }
}

function isSamePlace(
  one: Readonly<BlockLocation>,
  other: Readonly<BlockLocation>,
): boolean {
  return one.pack === other.pack && one.offset === other.offset &&
    one.length === other.length && one.codec === other.codec;
}

function findIn(
  where: Pick<ScoreIndex, "get">,
  { scores }: Request,
  index: number,
): BlockLocation | undefined {
  const location = emptyLocation();
  return where.get(scores, index * SCORE_LENGTH, location)
    ? location
    : undefined;
}
