/**
 * Fills the index: from the directories of packs, which are the truth, and from
 * copies in the store, which are believed only until it matters.
 *
 * Invariant: an entry from a copy is marked as unproven until the directory of
 * its pack says the same; nobody takes a block for stored because of it.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import type { EventSink } from "../events.ts";
import {
  type BlockLocation,
  emptyLocation,
  type IndexEntries,
  type ScoreIndex,
} from "../index/score_index.ts";
import type { DirectoryLoader } from "./directory_loader.ts";
import type { IndexCopies } from "./index_copies.ts";
import { type CopySection, decodeSection } from "./index_copy_format.ts";
import { mapInOrder } from "./map_in_order.ts";
import type { PackFile, PackFiles } from "./pack_files.ts";
import { filterDirectory, type PackDirectory } from "./pack_format.ts";
import type { PackReader } from "./pack_reader.ts";

/** Copies read at once: as much memory as as many packs. */
const COPIES_AT_ONCE = 2;
/** Directories read at once beside everything else. */
const PROOFS_AT_ONCE = 4;
/** What is left to others between two directories of a large index, each of which takes up to 0.1 s. */
const PROOF_PAUSE_MS = 10;

/** What filling the index works with. */
export interface IndexBuilderOptions {
  /** What is filled. */
  readonly index: ScoreIndex;
  /** The packs. */
  readonly files: PackFiles;
  /** Reads directories, and tells of those that are damaged. */
  readonly loader: DirectoryLoader;
  /** The copies. */
  readonly copies: IndexCopies;
  /** Lets others have their turn for so long. */
  readonly pause: (timeMs: number) => Promise<void>;
  /** Reads blocks, to know whether they are sound where they are. */
  readonly reader: () => PackReader;
  /** Takes `index-copies-read`, `index-proof` and `index-proof-done`. */
  readonly onEvent: EventSink;
}

/** A directory that was loaded; undefined where the pack is missing. */
interface LoadedPack {
  readonly name: string;
  readonly directory: PackDirectory | undefined;
}

/** How to make the index anew. */
export interface BuildOptions {
  /** Take what copies have from them. */
  readonly fromCopies: boolean;
  /** Told how many packs are done. */
  readonly progress?: ((packsDone: number) => void) | undefined;
}

/** Fills an index. */
export class IndexBuilder {
  readonly #options: IndexBuilderOptions;
  /** Packs whose directories were asked for, by number: true where there was a sound one. */
  readonly #proofs = new Map<number, Promise<boolean>>();
  /** Those where there was. */
  readonly #proven = new Set<number>();
  /** Those where there was not when all packs were compared. */
  readonly #unproven = new Set<number>();
  /** Ends when the directories loaded so far are entered: of two that hold a block the second must see the first. */
  #entering: Promise<unknown> = Promise.resolve();
  /** Packs have other numbers after a rebuild. */
  #generation = 0;

  /** Adds nothing yet. */
  constructor(options: IndexBuilderOptions) {
    this.#options = options;
  }

  /** Adds the packs of these names that are unknown, by their directories. */
  async addPacks(names: readonly string[]): Promise<void> {
    const { index, files, loader } = this.#options;
    const loaded = mapInOrder(
      names.filter((name) => !index.knowsPack(name)),
      files.concurrencyMax,
      async (name): Promise<LoadedPack> => ({
        name,
        directory: await loader.loadByName(name),
      }),
    );
    for await (const pack of loaded) await this.#addPack(pack);
    await index.flush();
  }

  /** Makes the index anew from all packs that the store lists. */
  async rebuild({ fromCopies, progress }: BuildOptions): Promise<void> {
    const { index, files, loader, copies } = this.#options;
    // What is entered already is entered before, and what is on its way nowhere.
    this.#generation++;
    await this.#entering;
    await index.beginRebuild();
    this.#generation++;
    this.#proofs.clear();
    this.#proven.clear();
    this.#unproven.clear();
    let packsDone = 0;
    const onPack = (): void => progress?.(++packsDone);
    const names = fromCopies ? await copies.list() : new Map<string, number>();
    const packs = names.size === 0
      ? files.list()
      : await this.#addCopies([...names.keys()], onPack);
    const loaded = mapInOrder(
      packs,
      files.concurrencyMax,
      async (file): Promise<LoadedPack> => ({
        name: file.name,
        directory: await loader.load(file),
      }),
    );
    for await (const pack of loaded) {
      await this.#addPack(pack);
      onPack();
    }
    await index.endRebuild();
  }

  /**
   * Compares what is known of a pack with its directory, once; false where
   * there is none to be had. Entries that stay unproven are wrong then.
   */
  prove(pack: number): Promise<boolean> {
    let proof = this.#proofs.get(pack);
    if (proof === undefined) {
      const { loader } = this.#options;
      proof = this.#prove(pack, (file) => loader.loadSound(file));
      this.#proofs.set(pack, proof);
      // One that failed is tried again when it matters again.
      proof.catch(() => this.#proofs.delete(pack));
    }
    return proof;
  }

  /**
   * Compares all that copies said with the packs, beside everything else: the
   * index answers meanwhile as it does before. A damaged pack is salvaged. Where
   * a pack cannot be had the index goes on resting on copies, and only those
   * packs are tried the next time.
   */
  async proveAll(): Promise<void> {
    const { index, files, loader, pause, onEvent } = this.#options;
    const generation = this.#generation;
    const left = Array.from({ length: index.packCount }, (_, pack) => pack)
      .filter((pack) => !this.#proven.has(pack));
    onEvent({
      event: "index-proof",
      severity: "info",
      message:
        `Comparing what copies of the index said with ${left.length} packs; reads go on meanwhile`,
      packCount: left.length,
    });
    const proofs = mapInOrder(
      left,
      Math.min(PROOFS_AT_ONCE, files.concurrencyMax),
      async (pack) => {
        if (generation !== this.#generation) return;
        const isProven = this.#proven.has(pack) ||
          await this.#prove(pack, (file) => loader.load(file));
        await pause(PROOF_PAUSE_MS);
        if (generation !== this.#generation) return;
        if (isProven) this.#unproven.delete(pack);
        else this.#unproven.add(pack);
      },
    );
    for await (const _ of proofs);
    if (generation !== this.#generation) return;
    const missing = this.#unproven.size;
    if (missing === 0) await index.relyOnNoCopies();
    onEvent({
      event: "index-proof-done",
      severity: missing === 0 ? "info" : "strange",
      message:
        `The index says what the packs say, but for ${missing} packs that cannot be had`,
      packsMissing: missing,
    });
  }

  /** Enters nothing more of what is on its way. */
  close(): void {
    this.#generation++;
  }

  /** True where the directory of the pack has not what a copy said, as far as that is known by now. */
  isRefuted({ pack, unproven }: BlockLocation): boolean {
    return unproven && (!this.#options.index.restsOnCopies ||
      this.#proven.has(pack) || this.#unproven.has(pack));
  }

  async #prove(
    pack: number,
    load: (file: PackFile) => Promise<PackDirectory | undefined>,
  ): Promise<boolean> {
    const { index, files } = this.#options;
    const generation = this.#generation;
    const name = index.packName(pack);
    const size = await files.size(name);
    const directory = size && await load({ name, size });
    if (!directory) return false;
    const entered = this.#entering.then(async () => {
      // Two may have compared it, and the index may have been made anew meanwhile.
      if (generation !== this.#generation) return false;
      if (!this.#proven.has(pack)) {
        await this.#enterProven(pack, directory, generation);
      }
      return this.#proven.has(pack);
    });
    this.#entering = entered.catch(() => {});
    return await entered;
  }

  /** Enters what a copy said otherwise. A block that is known of another pack is read there, as in `#addPack`. */
  async #enterProven(
    pack: number,
    directory: PackDirectory,
    generation: number,
  ): Promise<void> {
    const { index } = this.#options;
    const location = emptyLocation();
    const find = (position: number): boolean =>
      index.get(directory.scores, position * SCORE_LENGTH, location);
    const isHere = (position: number): boolean =>
      location.pack === pack && location.offset === directory.offsets[position];
    const elsewhere = new Set<number>();
    const isNews = (position: number): boolean => {
      if (!find(position)) return true;
      // One that is suspect where it really lies stays so.
      if (location.suspect) return !isHere(position);
      if (location.unproven) return true;
      if (!isHere(position)) elsewhere.add(position);
      return false;
    };
    let entries = filterDirectory(directory, isNews);
    if (elsewhere.size > 0) {
      // None of these is unproven, so reading them waits for no other proof.
      await this.#readBlocks(directory, (position) => elsewhere.has(position));
      if (generation !== this.#generation) return;
      entries = filterDirectory(directory, isNews);
    }
    await index.addPack(index.packName(pack), entries);
    if (generation === this.#generation) this.#proven.add(pack);
  }

  /** Adds what copies have of the packs that are listed; the listed packs that are left. */
  async #addCopies(
    names: readonly string[],
    onPack: () => void,
  ): Promise<PackFile[]> {
    const { index, files, copies, onEvent } = this.#options;
    const listed = new Map<string, number>();
    for await (const { name, size } of files.list()) listed.set(name, size);
    const covered = new Set<string>();
    const read = mapInOrder(names, COPIES_AT_ONCE, (it) => copies.read(it));
    for await (const copy of read) {
      for (const section of copy?.packs ?? []) {
        const { name, size } = section;
        if (listed.get(name) !== size || index.knowsPack(name)) continue;
        covered.add(name);
        if (await this.#addSection(copy!.bytes, section)) onPack();
      }
    }
    copies.setCovered(covered);
    const left = [...listed].filter(([name]) => !index.knowsPack(name))
      .map(([name, size]): PackFile => ({ name, size }));
    onEvent({
      event: "index-copies-read",
      severity: "info",
      message:
        `Copies of the index told of ${covered.size} packs; ${left.length} are left to be read`,
      copyCount: names.length,
      packCount: covered.size,
      packsLeft: left.length,
    });
    return left;
  }

  /**
   * Adds a pack as a copy has it. False where another pack has one of its
   * blocks: which of the two is sound is known only when its directory is read.
   */
  async #addSection(
    bytes: Uint8Array,
    section: CopySection,
  ): Promise<boolean> {
    const { index } = this.#options;
    const entries = decodeSection(bytes, section);
    if (this.#holdsAny(entries)) return false;
    await index.addPack(section.name, entries);
    return true;
  }

  #holdsAny({ count, scores }: IndexEntries): boolean {
    const { index } = this.#options;
    const location = emptyLocation();
    for (let position = 0; position < count; position++) {
      if (index.get(scores, position * SCORE_LENGTH, location)) return true;
    }
    return false;
  }

  /**
   * Enters a loaded pack. Where another pack holds a block already, that one
   * is read: the new one counts only if the old one is damaged.
   */
  async #addPack({ name, directory }: LoadedPack): Promise<void> {
    const { index } = this.#options;
    if (directory === undefined || index.knowsPack(name)) return;
    const isHeld = (i: number): boolean => this.#isSound(directory, i);
    const entries = await this.#readBlocks(directory, isHeld)
      ? filterDirectory(directory, (i) => !isHeld(i))
      : directory;
    await index.addPack(name, entries);
  }

  /** Reads some of these blocks, wherever they lie, so that damaged ones become suspect; false where there are none. */
  async #readBlocks(
    directory: PackDirectory,
    isRead: (position: number) => boolean,
  ): Promise<boolean> {
    const byKind = new Map<number, number[]>();
    for (let position = 0; position < directory.count; position++) {
      if (!isRead(position)) continue;
      const kind = directory.kinds[position] as number;
      const positions = byKind.get(kind) ?? [];
      positions.push(position);
      byKind.set(kind, positions);
    }
    for (const [kind, positions] of byKind) {
      const scores = new Uint8Array(positions.length * SCORE_LENGTH);
      positions.forEach((position, i) =>
        scores.set(scoreAt(directory, position), i * SCORE_LENGTH)
      );
      await this.#options.reader().read(kind, scores, () => {});
    }
    return byKind.size > 0;
  }

  #isSound(directory: PackDirectory, position: number): boolean {
    const { index } = this.#options;
    const location = emptyLocation();
    return index.get(directory.scores, position * SCORE_LENGTH, location) &&
      !location.suspect && !this.isRefuted(location);
  }
}

function scoreAt(directory: PackDirectory, position: number): Uint8Array {
  const at = position * SCORE_LENGTH;
  return directory.scores.subarray(at, at + SCORE_LENGTH);
}
