/**
 * Verified reads of blocks by a program that has no index of its own: it asks
 * the archive where they lie, and reads the packs itself.
 *
 * @module
 */

import { gatherScores } from "../bytes.ts";
import { type BlockReceiver, SCORE_LENGTH } from "../block_store.ts";
import type { BlockLocation } from "../index/score_index.ts";
import { BlockVerifier } from "../packs/block_verifier.ts";
import { PackFiles } from "../packs/pack_files.ts";
import { PackReader } from "../packs/pack_reader.ts";
import { ReadBuffers } from "../packs/read_buffers.ts";
import {
  LOCATE_COUNT_MAX,
  type LocatedBlocks,
  type LocateRequest,
  PLACE_LENGTH,
} from "../transfer_operations.ts";
import type { TransferContext } from "./transfer_context.ts";

/** Asks where blocks lie; at most `LOCATE_COUNT_MAX` scores. */
export function locate(
  { archive }: Pick<TransferContext, "archive">,
  scores: Uint8Array,
  how: Omit<LocateRequest, "scores"> = {},
): Promise<LocatedBlocks> {
  return archive.operate("locate", { scores: scores.toBase64(), ...how });
}

/** True for the `index`-th of the located blocks if a writer need not store it. */
export function isStored(located: LocatedBlocks, index: number): boolean {
  return located.places[index * PLACE_LENGTH]! >= 0 &&
    !located.suspects.includes(index);
}

/** Reads blocks by score. */
export class PlacedBlocks {
  readonly #context: TransferContext;
  readonly #files: PackFiles;
  readonly #verifier: BlockVerifier;
  readonly #buffers = new ReadBuffers();

  /** Reads through the archive of the context. */
  constructor(context: TransferContext) {
    this.#context = context;
    this.#files = new PackFiles(context);
    this.#verifier = new BlockVerifier(context.hasher, context.lz4);
  }

  /** As `BlockStore.read`. */
  async read(
    kind: number,
    scores: Uint8Array,
    receive: BlockReceiver,
  ): Promise<void> {
    const batchBytes = LOCATE_COUNT_MAX * SCORE_LENGTH;
    for (let start = 0; start < scores.length; start += batchBytes) {
      const batch = scores.subarray(start, start + batchBytes);
      const first = start / SCORE_LENGTH;
      // A damaged copy may not be the one that the index names.
      const damaged: number[] = [];
      const how = { thorough: true, anyCopy: true };
      await this.#readBatch(kind, batch, how, (index, block) => {
        if (block === undefined) damaged.push(index);
        else receive(first + index, block, undefined);
      });
      if (damaged.length === 0) continue;
      const again = gatherScores(batch, damaged);
      await this.#readBatch(
        kind,
        again,
        { thorough: true },
        (place, ...told) => receive(first + damaged[place]!, ...told),
      );
    }
  }

  async #readBatch(
    kind: number,
    scores: Uint8Array,
    how: Omit<LocateRequest, "scores">,
    receive: BlockReceiver,
  ): Promise<void> {
    const located = await locate(this.#context, scores, how);
    await this.#readerOf(scores, located).read(kind, scores, receive);
  }

  /** Ends all retries. */
  close(): void {
    this.#files.close();
  }

  #readerOf(scores: Uint8Array, located: LocatedBlocks): PackReader {
    return new PackReader({
      files: this.#files,
      index: new PlacedIndex(scores, located),
      verifier: this.#verifier,
      buffers: this.#buffers,
    });
  }
}

/** The places of one batch, as an index of it alone. */
class PlacedIndex {
  /** It is never begun anew. */
  readonly generation = 0;
  readonly #scores: Uint8Array;
  readonly #located: LocatedBlocks;

  constructor(scores: Uint8Array, located: LocatedBlocks) {
    this.#scores = scores;
    this.#located = located;
  }

  get(scores: Uint8Array, offset: number, location: BlockLocation): boolean {
    if (scores !== this.#scores) throw new RangeError("Another batch");
    const { places } = this.#located;
    const at = offset / SCORE_LENGTH * PLACE_LENGTH;
    const pack = places[at];
    if (pack === undefined || pack < 0) return false;
    location.pack = pack;
    location.offset = places[at + 1]!;
    location.length = places[at + 2]!;
    location.codec = places[at + 3]!;
    location.suspect = false;
    location.unproven = false;
    return true;
  }

  packName(pack: number): string {
    return this.#located.packs[pack]!;
  }

  /** Nobody relies on this batch: the archive finds it out by itself. */
  suspect(): void {}
}
