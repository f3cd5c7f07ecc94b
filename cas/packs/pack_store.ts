/**
 * All blocks of an archive: packs in a blob store, found through an index.
 *
 * @module
 */

import {
  type BlockPlace,
  type BlockReceiver,
  type BlockStore,
  type BlockWriter,
  type PackVerdict,
  SCORE_LENGTH,
} from "../block_store.ts";
import type { Shortage } from "../archive_port.ts";
import { ArchiveError } from "../errors.ts";
import {
  emptyLocation,
  IndexDamagedError,
  type IndexStatistics,
} from "../index/score_index.ts";
import { BlockVerifier } from "./block_verifier.ts";
import { DirectoryLoader } from "./directory_loader.ts";
import { mapInOrder } from "./map_in_order.ts";
import { Neighbours } from "./neighbours.ts";
import type { PackOptions } from "./open_packs.ts";
import { PackFault, PackFiles } from "./pack_files.ts";
import {
  filterDirectory,
  PACK_BYTES_MAX,
  type PackDirectory,
} from "./pack_format.ts";
import { PackReader } from "./pack_reader.ts";
import { verifyPackFile } from "./pack_verifier.ts";
import { PackWriter } from "./pack_writer.ts";

const PACKS_IN_FLIGHT_MAX = 3;

/** A directory that was loaded; undefined where the pack is missing. */
interface LoadedPack {
  readonly name: string;
  readonly directory: PackDirectory | undefined;
}

/** The `BlockStore` over packs. */
export class PackStore implements BlockStore {
  readonly #options: PackOptions;
  readonly #files: PackFiles;
  readonly #reader: PackReader;
  readonly #neighbours: Neighbours;
  readonly #loader: DirectoryLoader;
  readonly #verifier: BlockVerifier;
  #rebuilding: Promise<void> | undefined;
  #indexDamaged = false;
  /** How often the index was made anew. */
  #rebuildCount = 0;
  #closed = false;
  /** Names of packs that are not relied on. */
  #forsaken: Set<string> = new Set();

  /** Touches neither store nor index. */
  constructor(options: PackOptions) {
    this.#options = options;
    const { index, hasher, lz4, onEvent } = options;
    const verifier = new BlockVerifier(hasher, lz4);
    this.#verifier = verifier;
    this.#files = new PackFiles(options);
    const files = this.#files;
    const load = new DirectoryLoader({
      files,
      hasher,
      verifier,
      // Whoever reads the pack's blocks tells what is wrong with it.
      onEvent: () => {},
    });
    this.#neighbours = new Neighbours({
      index,
      load: (name) => load.loadByName(name),
    });
    const neighbours = this.#neighbours;
    this.#reader = new PackReader({ files, index, neighbours, verifier });
    this.#loader = new DirectoryLoader({ files, hasher, verifier, onEvent });
  }

  get index(): IndexStatistics {
    return this.#options.index.statistics;
  }

  get shortage(): Shortage | undefined {
    const message = this.#options.index.shortage;
    return message === undefined ? undefined : { of: "index", message };
  }

  get empty(): boolean {
    return this.#options.index.packCount === 0;
  }

  async read(
    kind: number,
    scores: Uint8Array,
    receive: BlockReceiver,
  ): Promise<void> {
    this.#throwIfClosed("read blocks");
    const count = scores.length / SCORE_LENGTH;
    if (!Number.isInteger(count)) {
      throw new RangeError(
        `Cannot read ${scores.length} bytes of scores: a score has 32`,
      );
    }
    await (this.#indexDamaged ? this.rebuild() : this.#rebuilding);
    const delivered = new Uint8Array(count);
    const receiveOnce: BlockReceiver = (index, block, damage) => {
      if (delivered[index] === 1) return;
      delivered[index] = 1;
      receive(index, block, damage);
    };
    try {
      await this.#reader.read(kind, scores, receiveOnce);
    } catch (error) {
      this.#reportIndexDamage(error);
      await this.rebuild();
      await this.#reader.read(kind, scores, receiveOnce);
    }
  }

  locate(scores: Uint8Array, offset: number): BlockPlace | undefined {
    this.#throwIfClosed("look up blocks");
    const location = emptyLocation();
    try {
      const { index } = this.#options;
      if (!index.get(scores, offset, location)) return undefined;
      const { offset: start, ...rest } = location;
      const pack = index.packName(location.pack);
      const suspect = rest.suspect || this.#forsaken.has(pack);
      return { ...rest, pack, offset: start, suspect };
    } catch (error) {
      this.#reportIndexDamage(error);
      return undefined;
    }
  }

  write(): BlockWriter {
    this.#throwIfClosed("write blocks");
    const { index, hasher, lz4 } = this.#options;
    const inFlight = this.#options.packsInFlightMax ?? PACKS_IN_FLIGHT_MAX;
    return new PackWriter({
      files: this.#files,
      index,
      neighbours: this.#neighbours,
      hasher,
      lz4,
      packBytesMax: this.#options.packBytesMax ?? PACK_BYTES_MAX,
      packsInFlightMax: Math.min(inFlight, this.#files.concurrencyMax),
      isForsaken: (pack) =>
        this.#forsaken.size > 0 && this.#forsaken.has(index.packName(pack)),
      onIndexDamage: (error) => this.#reportIndexDamage(error),
    });
  }

  knowsPack(name: string): boolean {
    return this.#options.index.knowsPack(name);
  }

  *knownPacks(): Generator<string, void, undefined> {
    const { index } = this.#options;
    for (let pack = 0; pack < index.packCount; pack++) {
      yield index.packName(pack);
    }
  }

  forsakePacks(names: Iterable<string>): void {
    this.#forsaken = new Set(names);
  }

  forsakePack(name: string): void {
    this.#forsaken.add(name);
  }

  async addPacks(names: readonly string[]): Promise<void> {
    this.#throwIfClosed("add packs");
    try {
      await this.#addPacks(names);
    } catch (error) {
      this.#reportIndexDamage(error);
      await this.rebuild();
    }
  }

  async verifyPack(
    name: string,
    yieldNow: () => Promise<void>,
  ): Promise<PackVerdict> {
    this.#throwIfClosed("verify packs");
    const bytes = await this.#files.readAll(name);
    if (bytes instanceof PackFault) {
      return { byteCount: 0, blockCount: 0, fault: bytes.reason, bad: [] };
    }
    const { hasher } = this.#options;
    const verifier = this.#verifier;
    return await verifyPackFile(name, bytes, { hasher, verifier, yieldNow });
  }

  async mend(): Promise<number> {
    if (this.#indexDamaged) await this.rebuild();
    return this.#rebuildCount;
  }

  rebuild(progress?: (packsDone: number) => void): Promise<void> {
    this.#throwIfClosed("rebuild the index");
    this.#rebuilding ??= this.#rebuild(progress).finally(() => {
      this.#rebuilding = undefined;
    });
    return this.#rebuilding;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#files.close();
    await this.#options.index.close();
  }

  async #addPacks(names: readonly string[]): Promise<void> {
    const unknown = names.filter((name) => !this.knowsPack(name));
    const loaded = mapInOrder(
      unknown,
      this.#files.concurrencyMax,
      async (name): Promise<LoadedPack> => ({
        name,
        directory: await this.#loader.loadByName(name),
      }),
    );
    for await (const pack of loaded) await this.#addPack(pack);
    await this.#options.index.flush();
  }

  async #rebuild(progress?: (packsDone: number) => void): Promise<void> {
    this.#neighbours.clear();
    await this.#options.index.beginRebuild();
    const loaded = mapInOrder(
      this.#files.list(),
      this.#files.concurrencyMax,
      async (file): Promise<LoadedPack> => ({
        name: file.name,
        directory: await this.#loader.load(file),
      }),
    );
    let packsDone = 0;
    for await (const pack of loaded) {
      await this.#addPack(pack);
      progress?.(++packsDone);
    }
    await this.#options.index.endRebuild();
    this.#indexDamaged = false;
    this.#rebuildCount++;
  }

  /**
   * Enters a loaded pack. Where another pack holds a block already, that one
   * is read: the new one counts only if the old one is damaged.
   */
  async #addPack(pack: LoadedPack): Promise<void> {
    const { name, directory } = pack;
    if (directory === undefined || this.knowsPack(name)) return;
    const held = this.#heldElsewhere(directory);
    for (const [kind, positions] of held) {
      const scores = new Uint8Array(positions.length * SCORE_LENGTH);
      positions.forEach((position, i) =>
        scores.set(scoreAt(directory, position), i * SCORE_LENGTH)
      );
      await this.#reader.read(kind, scores, () => {});
    }
    const entries = held.size === 0
      ? directory
      : filterDirectory(directory, (i) => !this.#isSound(directory, i));
    await this.#options.index.addPack(name, entries);
  }

  /** The positions of entries that the index has from other packs, by kind. */
  #heldElsewhere(directory: PackDirectory): Map<number, number[]> {
    const held = new Map<number, number[]>();
    for (let position = 0; position < directory.count; position++) {
      if (!this.#isSound(directory, position)) continue;
      const kind = directory.kinds[position] as number;
      const positions = held.get(kind) ?? [];
      positions.push(position);
      held.set(kind, positions);
    }
    return held;
  }

  #isSound(directory: PackDirectory, position: number): boolean {
    const { index } = this.#options;
    const location = emptyLocation();
    return index.get(directory.scores, position * SCORE_LENGTH, location) &&
      !location.suspect;
  }

  /** Reports that the index is to be rebuilt; throws any other error on. */
  #reportIndexDamage(error: unknown): void {
    if (!(error instanceof IndexDamagedError)) throw error;
    if (this.#indexDamaged) return;
    this.#indexDamaged = true;
    this.#options.onEvent({
      event: "index-damaged",
      severity: "strange",
      message: `The index is damaged and is made anew from the packs: ` +
        error.message,
      reason: error.message,
    });
  }

  #throwIfClosed(action: string): void {
    if (!this.#closed) return;
    throw new ArchiveError("Closed", `Cannot ${action}: the archive is closed`);
  }
}

function scoreAt(directory: PackDirectory, position: number): Uint8Array {
  const at = position * SCORE_LENGTH;
  return directory.scores.subarray(at, at + SCORE_LENGTH);
}
