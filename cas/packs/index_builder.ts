/**
 * Fills the index: from the directories of packs, which are the truth, and from
 * copies in the store, which are believed only until it matters.
 *
 * Invariant: an entry from a copy is marked as unproven until the directory of
 * its pack says the same; nobody takes a block for stored because of it.
 *
 * @module
 */

import { counted } from "../../blobstores/counted.ts";
import { scoresOfKeys } from "../bytes.ts";
import type { EventSink } from "../events.ts";
import { KEY_LENGTH } from "../index/entry.ts";
import {
  type BlockLocation,
  emptyLocation,
  type ScoreIndex,
} from "../index/score_index.ts";
import type { DirectoryLoader } from "./directory_loader.ts";
import type { IndexCopies } from "./index_copies.ts";
import { copiedBlocksMax, decodeSection } from "./index_copy_format.ts";
import { mapInOrder } from "./map_in_order.ts";
import type { PackFile, PackFiles } from "./pack_files.ts";
import { filterDirectory, keyAt, type PackDirectory } from "./pack_format.ts";
import type { PackReader } from "./pack_reader.ts";

/** Copies read at once: as much memory as as many packs. */
const COPIES_AT_ONCE = 2;

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
  /** Reads blocks, to know whether they are sound where they are. */
  readonly reader: () => PackReader;
  /** Takes `index-copies-read`. */
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
  /** Those where there was none, when they were asked for. */
  readonly #unsound = new Set<number>();

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
    for await (const pack of loaded) {
      if (!index.knowsPack(pack.name)) await this.#enter(pack);
    }
    await index.flush();
  }

  /** Fills the index, which was begun anew, from all packs that the store lists. */
  async rebuild({ fromCopies, progress }: BuildOptions): Promise<void> {
    const { index, files, loader, copies } = this.#options;
    this.#proofs.clear();
    this.#proven.clear();
    this.#unsound.clear();
    let packsDone = 0;
    const onPack = (): void => progress?.(++packsDone);
    const names = fromCopies ? await copies.list() : new Map<string, number>();
    const packs = names.size === 0
      ? files.list()
      : await this.#addCopies(names, onPack);
    const loaded = mapInOrder(
      packs,
      files.concurrencyMax,
      async (file): Promise<LoadedPack> => ({
        name: file.name,
        directory: await loader.load(file),
      }),
    );
    for await (const pack of loaded) {
      const isNew = !index.knowsPack(pack.name);
      await this.#enter(pack);
      if (isNew) onPack();
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
      proof = this.#prove(pack);
      this.#proofs.set(pack, proof);
      // One that failed is tried again when it matters again.
      proof.catch(() => this.#proofs.delete(pack));
    }
    return proof;
  }

  /**
   * The same, and once more where there was none before: the pack may have been
   * restored.
   */
  proveAgain(pack: number): Promise<boolean> {
    if (this.#unsound.delete(pack)) this.#proofs.delete(pack);
    return this.prove(pack);
  }

  /** True where the directory of the pack has not what a copy said, as far as that is known by now. */
  isRefuted({ pack, unproven }: BlockLocation): boolean {
    return unproven && this.#proven.has(pack);
  }

  async #prove(pack: number): Promise<boolean> {
    const { index, files, loader } = this.#options;
    const { generation } = index;
    const name = index.packName(pack);
    const size = await files.size(name);
    const directory = size && await loader.loadSound({ name, size });
    // The index may have been made anew meanwhile.
    if (generation !== index.generation) return false;
    if (!directory) {
      this.#unsound.add(pack);
      return false;
    }
    const location = emptyLocation();
    const entries = filterDirectory(directory, (position) => {
      if (!index.get(directory.keys, position * KEY_LENGTH, location)) {
        return true;
      }
      const isHere = location.pack === pack &&
        location.offset === directory.offsets[position] &&
        location.length === directory.lengths[position] &&
        location.codec === directory.codecs[position];
      // One that is suspect where, and as, it really lies stays so.
      return location.suspect ? !isHere : location.unproven;
    });
    await index.addPack(name, entries);
    if (generation !== index.generation) return false;
    // Not before: what the directory confirms is unproven until then.
    this.#proven.add(pack);
    return true;
  }

  /** Adds what copies have of the packs that are listed; the listed packs whose directories are to be read. */
  async #addCopies(
    names: ReadonlyMap<string, number>,
    onPack: () => void,
  ): Promise<PackFile[]> {
    const { index, files, copies, onEvent } = this.#options;
    const listed = new Map<string, number>();
    for await (const { name, size } of files.list()) listed.set(name, size);
    const covered = new Set<string>();
    const partial = await this.#fill(names, (name, size) => {
      if (listed.get(name) !== size || index.knowsPack(name)) return false;
      covered.add(name);
      return true;
    }, onPack);
    copies.setCovered(covered);
    const left = [...listed]
      .filter(([name]) => !index.knowsPack(name) || partial.has(name))
      .map(([name, size]): PackFile => ({ name, size }));
    onEvent({
      event: "index-copies-read",
      severity: "info",
      message: `Copies of the index told of ${
        counted(covered.size, "pack")
      }; ${left.length} more to be read`,
      copyCount: names.size,
      packCount: covered.size,
      packsLeft: left.length,
    });
    return left;
  }

  /**
   * Adds the wanted packs of these copies. Where two packs have the same block,
   * which of the two is sound is known only when their directories are read:
   * the names of the packs whose entries were not all taken.
   */
  async #fill(
    names: ReadonlyMap<string, number>,
    wants: (name: string, size: number) => boolean,
    onPack: () => void,
  ): Promise<ReadonlySet<string>> {
    const { index, copies } = this.#options;
    const entryCountMax = names.values().reduce(
      (sum, size) => sum + copiedBlocksMax(size),
      0,
    );
    const fill = index.fill(entryCountMax);
    try {
      const read = mapInOrder(
        names.keys(),
        COPIES_AT_ONCE,
        (it) => copies.read(it),
      );
      for await (const copy of read) {
        for (const section of copy?.packs ?? []) {
          if (!wants(section.name, section.size)) continue;
          const entries = decodeSection(copy!.bytes, section);
          if (await fill.addPack(section.name, entries)) onPack();
        }
      }
      return await fill.finish();
    } catch (error) {
      await fill.discard();
      throw error;
    }
  }

  /**
   * Enters a loaded pack. Where another pack holds a block already, that one
   * is probed: the new one counts only if the old one is damaged.
   */
  async #enter({ name, directory }: LoadedPack): Promise<void> {
    const { index, reader } = this.#options;
    if (directory === undefined) return;
    const held = this.#heldElsewhere(name, directory);
    for (const [kind, positions] of held) {
      const keys = new Uint8Array(positions.length * KEY_LENGTH);
      positions.forEach((position, i) =>
        keys.set(keyAt(directory, position), i * KEY_LENGTH)
      );
      await reader().probe(kind, scoresOfKeys(keys), () => {});
    }
    const entries = held.size === 0 ? directory : filterDirectory(
      directory,
      (i) => !this.#isHeldElsewhere(name, directory, i),
    );
    await index.addPack(name, entries);
  }

  /** The positions of entries that the index has from other places, by kind. */
  #heldElsewhere(
    name: string,
    directory: PackDirectory,
  ): Map<number, number[]> {
    const held = new Map<number, number[]>();
    for (let position = 0; position < directory.count; position++) {
      if (!this.#isHeldElsewhere(name, directory, position)) continue;
      const kind = directory.kinds[position] as number;
      const positions = held.get(kind) ?? [];
      positions.push(position);
      held.set(kind, positions);
    }
    return held;
  }

  #isHeldElsewhere(
    name: string,
    directory: PackDirectory,
    position: number,
  ): boolean {
    const { index } = this.#options;
    const location = emptyLocation();
    if (
      !index.get(directory.keys, position * KEY_LENGTH, location) ||
      location.suspect || this.isRefuted(location)
    ) return false;
    return location.offset !== directory.offsets[position] ||
      index.packName(location.pack) !== name;
  }
}
