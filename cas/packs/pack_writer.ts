/**
 * Writes the blocks of one checkpoint into packs.
 *
 * Invariants: a block is entered in the index only when the pack that holds it
 * is durable; a block that the index has, and does not suspect, is not stored
 * again, unless only a copy of the index says so; no more packs than allowed are in memory.
 *
 * @module
 */

import {
  type BlockWriter,
  SCORE_LENGTH,
  type WrittenPacks,
} from "../block_store.ts";
import { BlockCodec } from "../codec/block_codec.ts";
import type { Lz4 } from "../codec/lz4.ts";
import { ENTRY_WORDS, EXTENT_WORD, setKey } from "../index/entry.ts";
import { EntryTable } from "../index/entry_table.ts";
import { emptyLocation, type ScoreIndex } from "../index/score_index.ts";
import type { Hasher } from "../score.ts";
import type { Neighbours } from "./neighbours.ts";
import { PackBuilder, type SealedPack } from "./pack_builder.ts";
import { PackFault, type PackFiles } from "./pack_files.ts";

/** What a writer works with. */
export interface PackWriterOptions {
  /** The pack files. */
  readonly files: PackFiles;
  /** Takes what was stored. */
  readonly index: ScoreIndex;
  /** Where blocks are. */
  readonly neighbours: Neighbours;
  /** Names packs. */
  readonly hasher: Hasher;
  /** Compresses. */
  readonly lz4: Lz4;
  /** Most bytes of a pack. */
  readonly packBytesMax: number;
  /** Memory for packs that nobody uses now, shared by all writers of such packs. */
  readonly idle: PackBuilder[];
  /** Most packs being put at once. */
  readonly packsInFlightMax: number;
  /** As `IndexBuilder.prove`. */
  readonly prove: (pack: number) => Promise<boolean>;
  /** True for a pack of the index that must not be relied on. */
  readonly isForsaken: (pack: number) => boolean;
  /** Told when a lookup fails because the index is damaged; the block is then stored as new. */
  readonly onIndexDamage: (error: unknown) => void;
}

/** A writer of packs: one checkpoint long. */
export class PackWriter implements BlockWriter {
  readonly #options: PackWriterOptions;
  readonly #codec: BlockCodec;
  /** Keys of the blocks added: the index does not know them yet. */
  readonly #added = new EntryTable();
  readonly #entry = new Uint32Array(ENTRY_WORDS);
  readonly #location = emptyLocation();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #names: string[] = [];
  #open: PackBuilder | undefined;
  #packCount = 0;
  #byteCount = 0;
  #failure: { readonly error: unknown } | undefined;

  /** Makes a writer; memory for packs is taken when they are begun. */
  constructor(options: PackWriterOptions) {
    this.#options = options;
    this.#codec = new BlockCodec(options.lz4);
  }

  findNew(scores: Uint8Array): Uint8Array {
    try {
      return this.#options.index.findNew(scores);
    } catch (error) {
      this.#options.onIndexDamage(error);
      return new Uint8Array(scores.length / SCORE_LENGTH);
    }
  }

  add(
    kind: number,
    score: Uint8Array,
    block: Uint8Array,
    isNew: boolean = false,
  ): boolean | Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure.error;
    setKey(this.#entry, score, 0);
    if (this.#added.find(this.#entry) >= 0) return false;
    if (!this.#isStored(score, isNew)) return this.#store(kind, score, block);
    if (!this.#location.unproven) return false;
    return this.#addProven(kind, score.slice(), block.slice());
  }

  /** Adds a block that is stored if a copy of the index is right. */
  async #addProven(
    kind: number,
    score: Uint8Array,
    block: Uint8Array,
  ): Promise<boolean> {
    try {
      await this.#options.prove(this.#location.pack);
    } catch (error) {
      this.#options.onIndexDamage(error);
    }
    if (this.#isStored(score, false) && !this.#location.unproven) return false;
    return await this.#store(kind, score, block);
  }

  #store(
    kind: number,
    score: Uint8Array,
    block: Uint8Array,
  ): boolean | Promise<boolean> {
    setKey(this.#entry, score, 0);
    this.#entry[EXTENT_WORD] = 1;
    this.#added.set(this.#entry);
    const { hasher, packBytesMax, idle } = this.#options;
    this.#open ??= idle.pop() ?? new PackBuilder(hasher, packBytesMax);
    this.#open.add(kind, score, this.#codec.encode(block));
    if (!this.#open.full) return true;
    this.#seal();
    if (this.#inFlight.size < this.#options.packsInFlightMax) return true;
    return this.#settleOne().then(() => true);
  }

  async finish(): Promise<WrittenPacks> {
    if (this.#open !== undefined) this.#seal();
    while (this.#inFlight.size > 0) await this.#settleOne();
    if (this.#failure !== undefined) throw this.#failure.error;
    return { packs: this.#names, byteCount: this.#byteCount };
  }

  #isStored(score: Uint8Array, isNew: boolean): boolean {
    const { neighbours } = this.#options;
    try {
      return neighbours.getCheaply(score, 0, this.#location, isNew) &&
        !this.#location.suspect &&
        !this.#options.isForsaken(this.#location.pack);
    } catch (error) {
      this.#options.onIndexDamage(error);
      return false;
    }
  }

  /** Waits until a pack in flight has settled; rejects when one failed. */
  async #settleOne(): Promise<void> {
    await Promise.race(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #seal(): void {
    const builder = this.#open as PackBuilder;
    this.#open = undefined;
    const position = this.#packCount++;
    const putting = this.#put(builder, position).catch((error: unknown) => {
      this.#failure ??= { error };
    }).finally(() => {
      this.#inFlight.delete(putting);
      this.#release(builder);
    });
    this.#inFlight.add(putting);
  }

  /** Keeps as many as one writer uses. */
  #release(builder: PackBuilder): void {
    const { idle, packsInFlightMax } = this.#options;
    builder.reset();
    if (idle.length <= packsInFlightMax) idle.push(builder);
  }

  async #put(builder: PackBuilder, position: number): Promise<void> {
    const { files, index } = this.#options;
    // Whoever fails behind the put tries again, with another pack each time.
    await index.requireRoom();
    for (let variant = 0;; variant++) {
      const pack = builder.seal(variant);
      const stored = await files.put(pack.name, pack.bytes) ||
        await this.#isIntact(pack);
      if (!stored) continue;
      await index.addPack(pack.name, builder.directory());
      this.#names[position] = pack.name;
      this.#byteCount += pack.bytes.length;
      return;
    }
  }

  /**
   * True if the blob that has the pack's name already is that pack: an attempt
   * that succeeded unnoticed, or the same blocks stored before. A damaged one
   * is never overwritten; the pack gets another name.
   */
  async #isIntact(pack: SealedPack): Promise<boolean> {
    const isPack = (bytes: Uint8Array): boolean =>
      this.#options.hasher.hash(bytes).toHex() === pack.name;
    const bytes = await this.#options.files.readAll(pack.name, isPack);
    return !(bytes instanceof PackFault) && isPack(bytes);
  }
}
