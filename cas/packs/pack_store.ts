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
  type ProbeReceiver,
  SCORE_LENGTH,
} from "../block_store.ts";
import type { Shortage } from "../archive_port.ts";
import { ArchiveError } from "../errors.ts";
import { indexDamaged, indexMended } from "../index/index_events.ts";
import {
  emptyLocation,
  IndexDamagedError,
  type IndexStatistics,
} from "../index/score_index.ts";
import { BlockVerifier } from "./block_verifier.ts";
import { CopyWriter } from "./copy_writer.ts";
import { Delivery } from "./delivery.ts";
import { DirectoryLoader } from "./directory_loader.ts";
import { type BuildOptions, IndexBuilder } from "./index_builder.ts";
import { IndexCopies } from "./index_copies.ts";
import { Neighbours } from "./neighbours.ts";
import type { PackBuilder } from "./pack_builder.ts";
import type { PackOptions } from "./pack_options.ts";
import { PackFault, PackFiles } from "./pack_files.ts";
import { PACK_BYTES_MAX } from "./pack_format.ts";
import { PackReader, UNKNOWN } from "./pack_reader.ts";
import { verifyPackFile } from "./pack_verifier.ts";
import { PackWriter } from "./pack_writer.ts";

const PACKS_IN_FLIGHT_MAX = 3;

/** How scores are asked for. */
type Asking = (
  reader: PackReader,
  scores: Uint8Array,
  receive: BlockReceiver,
) => Promise<void>;

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
  readonly #idleBuilders: PackBuilder[] = [];
  #rebuilding: Promise<void> | undefined;
  /** When it settles the index is begun anew, and has what it knew as its former. */
  #begun: Promise<void> | undefined;
  /** Told of the packs that the index has been made of. */
  readonly #progress = new Set<(packsDone: number) => void>();
  #packsIndexed: number | undefined;
  /** The index is damaged, or not all is in it yet: it must be made anew. */
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
      sleep: options.sleep,
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
    const writing = { index, files, loader: quietLoader, copies, onEvent };
    this.#copyWriter = new CopyWriter(
      packCount === undefined ? writing : { ...writing, packCount },
    );
  }

  get index(): IndexStatistics {
    return this.#options.index.statistics;
  }

  get shortage(): Shortage | undefined {
    const message = this.#options.index.shortage;
    return message === undefined ? undefined : { of: "index", message };
  }

  get packsIndexed(): number | undefined {
    return this.#packsIndexed;
  }

  get restsOnCopies(): boolean {
    return this.#options.index.restsOnCopies;
  }

  get empty(): boolean {
    return this.#options.index.packCount === 0;
  }

  async read(
    kind: number,
    scores: Uint8Array,
    receive: BlockReceiver,
  ): Promise<void> {
    const ask: Asking = (reader, some, give) => reader.read(kind, some, give);
    await this.#deliver(new Delivery(scores, receive), ask);
  }

  async probe(
    kind: number,
    scores: Uint8Array,
    tell: ProbeReceiver,
  ): Promise<void> {
    const ask: Asking = (reader, some, give) =>
      reader.probe(kind, some, (place, damage) => {
        give(place, undefined, damage);
      });
    const receive: BlockReceiver = (index, _, damage) => tell(index, damage);
    await this.#deliver(new Delivery(scores, receive), ask);
  }

  async #deliver(delivery: Delivery, ask: Asking): Promise<void> {
    this.#throwIfClosed("read blocks");
    try {
      while (!delivery.complete) {
        this.#throwIfClosed("read blocks");
        await this.#readPresent(delivery, ask);
        if (!delivery.complete) await this.#readFormer(delivery, ask);
        // Else the index is whole, and the newest one is to be asked.
        if (!this.#indexDamaged) continue;
        delivery.giveUp({ reason: UNKNOWN, unsettled: true });
      }
    } finally {
      delivery.end();
    }
  }

  /** Delivers what the index has; damage only if it is whole, and the one that was asked. */
  async #readPresent(delivery: Delivery, ask: Asking): Promise<void> {
    const { index } = this.#options;
    const { generation } = index;
    const isStale = (): boolean => generation !== index.generation;
    // One that is closed finds nothing any more.
    const isWhole = (): boolean =>
      !isStale() && !this.#indexDamaged && !this.#closed;
    try {
      await delivery.ask(
        (scores, receive) => ask(this.#reader, scores, receive),
        (place, block, damage) => {
          if (damage === undefined || isWhole()) {
            delivery.give(place, block, damage);
          }
        },
      );
    } catch (error) {
      if (isStale()) return;
      this.#reportIndexDamage(error);
      await this.#begun;
    }
  }

  /** Delivers what the index of before finds, while it is made anew. */
  async #readFormer(delivery: Delivery, ask: Asking): Promise<void> {
    const { former } = this.#options.index;
    if (former === undefined) return;
    const reader = new PackReader({
      files: this.#files,
      index: former,
      verifier: this.#verifier,
    });
    await delivery.ask(
      (scores, receive) => ask(reader, scores, receive),
      (place, block, damage) => {
        if (damage === undefined) delivery.give(place, block, damage);
      },
    );
  }

  locate(
    scores: Uint8Array,
    offset: number,
    anyCopy: boolean = false,
  ): BlockPlace | undefined {
    this.#throwIfClosed("look up blocks");
    const { index } = this.#options;
    const location = emptyLocation();
    try {
      const source = anyCopy ? this.#neighbours : index;
      if (source.get(scores, offset, location)) {
        if (this.#builder.isRefuted(location)) return undefined;
        const { offset: start, ...rest } = location;
        const pack = index.packName(location.pack);
        const suspect = rest.suspect || rest.unproven ||
          this.#forsaken.has(pack);
        return { ...rest, pack, offset: start, suspect };
      }
    } catch (error) {
      this.#reportIndexDamage(error);
    }
    const { former } = index;
    if (former?.get(scores, offset, location) !== true) return undefined;
    const pack = former.packName(location.pack);
    return { ...location, pack, suspect: true };
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
      idle: this.#idleBuilders,
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
    // Else all those would be read that it is still to be made of.
    await this.mend();
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
    const verifying = { hasher, verifier: this.#verifier, yieldNow };
    return await verifyPackFile(name, bytes, verifying);
  }

  async mend(progress?: (packsDone: number) => void): Promise<number> {
    if (this.#indexDamaged) await this.rebuild(progress);
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

  async dropCopies(progress?: (packsDone: number) => void): Promise<boolean> {
    await this.mend(progress);
    if (!this.restsOnCopies) return false;
    await this.rebuild(progress);
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

  #rebuild({ fromCopies, progress }: BuildOptions): Promise<void> {
    this.#throwIfClosed("rebuild the index");
    if (progress !== undefined) this.#progress.add(progress);
    if (this.#rebuilding !== undefined) return this.#rebuilding;
    // Also if this fails: what is in it then is not all.
    this.#indexDamaged = true;
    this.#begun = this.#options.index.beginRebuild();
    this.#rebuilding = this.#build(fromCopies).finally(() => {
      this.#rebuilding = undefined;
      this.#packsIndexed = undefined;
      this.#progress.clear();
    });
    return this.#rebuilding;
  }

  async #build(fromCopies: boolean): Promise<void> {
    this.#packsIndexed = 0;
    await this.#begun;
    await this.#builder.rebuild({
      fromCopies,
      progress: (packsDone) => {
        this.#packsIndexed = packsDone;
        for (const tell of this.#progress) tell(packsDone);
      },
    });
    this.#indexDamaged = false;
    this.#rebuildCount++;
  }

  /**
   * Reports that the index is damaged, and has it made anew; throws any other
   * error on. Who misses a block is told if that fails, and tries again.
   */
  #reportIndexDamage(error: unknown): void {
    if (!(error instanceof IndexDamagedError)) throw error;
    if (this.#indexDamaged || this.#closed) return;
    const { index, onEvent } = this.#options;
    onEvent(indexDamaged(error.message));
    this.rebuild().then(() => onEvent(indexMended(index.packCount)), () => {});
  }

  #throwIfClosed(action: string): void {
    if (!this.#closed) return;
    throw new ArchiveError("Closed", `Cannot ${action}: the archive is closed`);
  }
}
