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
import { CopyWriter } from "./copy_writer.ts";
import { DirectoryLoader } from "./directory_loader.ts";
import { type BuildOptions, IndexBuilder } from "./index_builder.ts";
import { IndexCopies } from "./index_copies.ts";
import { Neighbours } from "./neighbours.ts";
import type { PackOptions } from "./pack_options.ts";
import { PackFault, PackFiles } from "./pack_files.ts";
import { PACK_BYTES_MAX } from "./pack_format.ts";
import { PackReader } from "./pack_reader.ts";
import { verifyPackFile } from "./pack_verifier.ts";
import { PackWriter } from "./pack_writer.ts";

const PACKS_IN_FLIGHT_MAX = 3;

/** The `BlockStore` over packs. */
export class PackStore implements BlockStore {
  readonly #options: PackOptions;
  readonly #files: PackFiles;
  readonly #reader: PackReader;
  readonly #neighbours: Neighbours;
  readonly #copies: IndexCopies;
  readonly #copyWriter: CopyWriter;
  readonly #builder: IndexBuilder;
  readonly #verifier: BlockVerifier;
  #rebuilding: Promise<void> | undefined;
  #indexDamaged = false;
  /** How often the index was begun anew. */
  #generation = 0;
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
    const quietLoader = new DirectoryLoader({
      files,
      hasher,
      verifier,
      // Whoever reads the pack's blocks tells what is wrong with it.
      onEvent: () => {},
    });
    this.#neighbours = new Neighbours({
      index,
      load: (name) => quietLoader.loadByName(name),
    });
    const neighbours = this.#neighbours;
    this.#copies = new IndexCopies(options);
    const copies = this.#copies;
    this.#builder = new IndexBuilder({
      index,
      files,
      loader: new DirectoryLoader({ files, hasher, verifier, onEvent }),
      copies,
      reader: () => this.#reader,
      onEvent,
    });
    this.#reader = new PackReader({
      files,
      index,
      neighbours,
      verifier,
      prove: (pack) => this.#builder.proveAgain(pack),
    });
    const { copyPackCount: packCount } = options;
    this.#copyWriter = new CopyWriter({
      index,
      files,
      loader: quietLoader,
      copies,
      onEvent,
      ...(packCount === undefined ? {} : { packCount }),
    });
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
    const delivered = new Uint8Array(count);
    let isOver = false;
    let wasDamaged = false;
    try {
      do {
        await (this.#indexDamaged ? this.rebuild() : this.#rebuilding);
        const generation = this.#generation;
        const isStale = (): boolean => generation !== this.#generation;
        try {
          await this.#reader.read(kind, scores, (index, block, damage) => {
            if (isOver || delivered[index] === 1) return;
            // Packs have other numbers since it was looked up, or none.
            if (block === undefined && isStale()) return;
            delivered[index] = 1;
            receive(index, block, damage);
          });
        } catch (error) {
          if (isStale()) continue;
          if (wasDamaged) throw error;
          this.#reportIndexDamage(error);
          wasDamaged = true;
        }
      } while (delivered.includes(0));
    } finally {
      // Where one range was refused others may still be on their way.
      isOver = true;
    }
  }

  locate(scores: Uint8Array, offset: number): BlockPlace | undefined {
    this.#throwIfClosed("look up blocks");
    const location = emptyLocation();
    try {
      const { index } = this.#options;
      if (!index.get(scores, offset, location)) return undefined;
      if (this.#builder.isRefuted(location)) return undefined;
      const { offset: start, ...rest } = location;
      const pack = index.packName(location.pack);
      const suspect = rest.suspect || rest.unproven ||
        this.#forsaken.has(pack);
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
      prove: (pack) => this.#builder.prove(pack),
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
      await this.#builder.addPacks(names);
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
    return this.#rebuild({ fromCopies: false, progress });
  }

  fill(progress?: (packsDone: number) => void): Promise<void> {
    return this.#rebuild({ fromCopies: true, progress });
  }

  async prove(scores: Uint8Array): Promise<void> {
    const { index } = this.#options;
    const location = emptyLocation();
    try {
      if (!index.restsOnCopies) return;
      for (let at = 0; at < scores.length; at += SCORE_LENGTH) {
        if (!index.get(scores, at, location) || !location.unproven) continue;
        await this.#builder.prove(location.pack);
      }
    } catch (error) {
      this.#reportIndexDamage(error);
    }
  }

  async dropCopies(): Promise<boolean> {
    await this.#rebuilding;
    if (!this.#options.index.restsOnCopies) return false;
    await this.rebuild();
    return true;
  }

  async copyIndex(): Promise<void> {
    this.#throwIfClosed("copy the index");
    await this.#copyWriter.write();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#files.close();
    this.#copies.close();
    await this.#options.index.close();
  }

  #rebuild(options: BuildOptions): Promise<void> {
    this.#throwIfClosed("rebuild the index");
    this.#rebuilding ??= this.#build(options).finally(() => {
      this.#rebuilding = undefined;
    });
    return this.#rebuilding;
  }

  async #build(options: BuildOptions): Promise<void> {
    this.#generation++;
    this.#neighbours.clear();
    await this.#builder.rebuild(options);
    this.#indexDamaged = false;
    this.#rebuildCount++;
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
