/**
 * The files of an index on disk, and the order in which they become valid.
 *
 *     manifest      which runs there are, and how many packs; replaced at once
 *     packs         the names of the packs, 32 bytes each, by number; appended to
 *     run-<number>  sorted entries, never changed; or entries to be sorted, which no manifest names
 *
 * Runs and pack names are durable before the manifest that counts them. What no
 * manifest names is removed when the index is opened.
 *
 * @module
 */

import { type Disk, DiskError, type DiskFile } from "../disk/disk.ts";
import type { PlainHash } from "../score.ts";
import { WordPool } from "./word_pool.ts";
import { PackTable } from "./pack_table.ts";
import { Run } from "./run.ts";
import { RunList } from "./run_list.ts";
import type { RunSummary } from "./run_summary.ts";
import type { FinishedRun, RunDescription } from "./run_writer.ts";
import { IndexDamagedError } from "./score_index.ts";

const MANIFEST = "manifest";
const MANIFEST_NEW = "manifest.new";
const PACKS = "packs";
const RUN_PREFIX = "run-";
const VERSION = 5;
const NAME_LENGTH = 32;

/** What the manifest holds, as JSON, followed by a line with its hash. */
interface Manifest {
  readonly version: number;
  /** The archive that the index is of. */
  readonly identity: string;
  /** No run has had this number. */
  readonly nextRun: number;
  readonly packCount: number;
  /** Hash of the names of those packs. */
  readonly packsHash: string;
  /** Numbers of packs with blocks that did not verify. */
  readonly suspectPacks: readonly number[];
  /** Entries may come from copies in the store. */
  readonly restsOnCopies: boolean;
  /** Oldest first. */
  readonly recent: readonly (RunDescription & {
    readonly level: number;
    readonly first: number;
  })[];
  /** Ascending. */
  readonly base: readonly (RunDescription & { readonly first: number })[];
}

/** An index as its files have it. */
export interface SavedIndex {
  /** The packs. */
  readonly packs: PackTable;
  /** Numbers of packs with blocks that did not verify. */
  readonly suspectPacks: ReadonlySet<number>;
  /** The runs. */
  readonly runs: RunList;
}

/** What the files belong to. */
export interface IndexFilesOptions {
  /** A directory of its own for the index. */
  readonly disk: Disk;
  /** Tells the index of one archive from that of another. */
  readonly identity: string;
  /** Computes checksums. */
  readonly hash: PlainHash;
}

/** Reads and writes the files of an index. */
export class IndexFiles {
  /** Lends memory to all that work with the runs. */
  readonly pool: WordPool = new WordPool();
  readonly #options: IndexFilesOptions;
  #nextRun = 1;
  #packNames = new Uint8Array(0);
  #packCount = 0;

  /** Touches nothing. */
  constructor(options: IndexFilesOptions) {
    this.#options = options;
  }

  /**
   * Opens what was saved last; undefined when nothing was. Throws
   * `IndexDamagedError` when it cannot be trusted.
   */
  load(): SavedIndex | undefined {
    const manifest = this.#readManifest();
    if (manifest === undefined) return undefined;
    this.#nextRun = manifest.nextRun;
    const packs = this.#readPacks(manifest);
    const runs = new RunList();
    try {
      for (const it of manifest.recent) {
        const { level, first } = it;
        const run = this.#openRun(it);
        run.forgetBelow(first);
        runs.recent.push({ run, level, first });
      }
      for (const it of manifest.base) {
        runs.base.push({ run: this.#openRun(it), first: it.first });
      }
    } catch (error) {
      runs.close();
      throw error;
    }
    this.#removeStrays(manifest);
    packs.restOnCopies = manifest.restsOnCopies;
    return { packs, suspectPacks: new Set(manifest.suspectPacks), runs };
  }

  /** Removes everything; the manifest first, so that no half is ever taken for the whole. */
  clear(): void {
    const { disk } = this.#options;
    // First, too: names that a failure leaves in the file must not count for those of other packs.
    this.#packNames = new Uint8Array(0);
    this.#packCount = 0;
    this.#remove(MANIFEST);
    disk.syncDirectoryNow();
    for (const name of disk.list()) this.#remove(name);
  }

  /** A file for a new run, and its number. */
  createRun(): { readonly file: DiskFile; readonly run: number } {
    const run = this.#nextRun++;
    return { file: this.#create(runName(run)), run };
  }

  /** Opens a run that was just written. Throws `IndexDamagedError`. */
  openFinished({ description, summary }: FinishedRun): Run {
    return this.#openRun(description, summary);
  }

  /** Removes the file of a run that the manifest does not name. */
  removeRun(run: number): void {
    this.#remove(runName(run));
  }

  /** Makes an index durable: the first `packCount` packs, and runs, which are durable already. */
  async save(
    index: SavedIndex & { readonly packCount: number },
  ): Promise<void> {
    const { packs, packCount, suspectPacks, runs } = index;
    const { disk, identity, hash } = this.#options;
    const { recent, base } = runs;
    const listed = {
      suspectPacks: [...suspectPacks],
      restsOnCopies: packs.restOnCopies,
      recent: recent.map(({ run, level, first }) => ({
        ...run.description,
        level,
        first,
      })),
      base: base.map(({ run, first }) => ({ ...run.description, first })),
    };
    await this.#savePacks(packs, packCount);
    const manifest: Manifest = {
      version: VERSION,
      identity,
      nextRun: this.#nextRun,
      packCount: this.#packCount,
      packsHash: hash(this.#knownNames()).toHex(),
      ...listed,
    };
    const text = new TextEncoder().encode(JSON.stringify(manifest) + "\n");
    const line = new TextEncoder().encode(hash(text).toHex() + "\n");
    const file = this.#create(MANIFEST_NEW);
    try {
      file.write(text, 0);
      file.write(line, text.length);
      await file.sync();
    } finally {
      file.close();
    }
    // Names first: a manifest must never be found without the files it names.
    await disk.syncDirectory();
    disk.rename(MANIFEST_NEW, MANIFEST);
    await disk.syncDirectory();
  }

  #readManifest(): Manifest | undefined {
    const { identity, hash } = this.#options;
    const file = this.#open(MANIFEST);
    if (file === undefined) return undefined;
    const bytes = new Uint8Array(file.size);
    try {
      file.read(bytes, 0);
    } finally {
      file.close();
    }
    const end = bytes.indexOf(0x0a) + 1;
    const line = new TextDecoder().decode(bytes.subarray(end));
    if (line !== hash(bytes.subarray(0, end)).toHex() + "\n") {
      throw this.#damaged(MANIFEST, "it does not match its checksum");
    }
    const text = new TextDecoder().decode(bytes.subarray(0, end));
    const manifest = JSON.parse(text) as Manifest;
    if (manifest.version !== VERSION) {
      throw this.#damaged(MANIFEST, `its version is ${manifest.version}`);
    }
    if (manifest.identity !== identity) {
      throw this.#damaged(MANIFEST, `it is of archive ${manifest.identity}`);
    }
    return manifest;
  }

  #readPacks(manifest: Manifest): PackTable {
    const { hash } = this.#options;
    const names = new Uint8Array(manifest.packCount * NAME_LENGTH);
    const file = this.#open(PACKS);
    try {
      file?.read(names, 0);
    } finally {
      file?.close();
    }
    if (hash(names).toHex() !== manifest.packsHash) {
      throw this.#damaged(PACKS, "it does not match the manifest");
    }
    this.#packNames = names;
    this.#packCount = manifest.packCount;
    const packs = new PackTable();
    for (let at = 0; at < names.length; at += NAME_LENGTH) {
      packs.add(names.subarray(at, at + NAME_LENGTH).toHex());
    }
    return packs;
  }

  /** Appends the names of the packs that are not yet in the file. */
  async #savePacks(packs: PackTable, packCount: number): Promise<void> {
    if (packCount === this.#packCount) return;
    const start = this.#packCount * NAME_LENGTH;
    const added = new Uint8Array((packCount - this.#packCount) * NAME_LENGTH);
    for (let pack = this.#packCount; pack < packCount; pack++) {
      const at = pack * NAME_LENGTH - start;
      added.set(Uint8Array.fromHex(packs.name(pack)), at);
    }
    const file = this.#open(PACKS) ?? this.#create(PACKS);
    try {
      file.write(added, start);
      await file.sync();
    } finally {
      file.close();
    }
    this.#append(added);
  }

  #append(added: Uint8Array): void {
    const length = this.#packCount * NAME_LENGTH;
    if (length + added.length > this.#packNames.length) {
      const grown = new Uint8Array(2 * length + added.length);
      grown.set(this.#knownNames());
      this.#packNames = grown;
    }
    this.#packNames.set(added, length);
    this.#packCount += added.length / NAME_LENGTH;
  }

  #knownNames(): Uint8Array {
    return this.#packNames.subarray(0, this.#packCount * NAME_LENGTH);
  }

  #openRun(
    description: RunDescription,
    summary?: RunSummary,
  ): Run {
    const { disk, hash } = this.#options;
    const name = runName(description.run);
    const display = `${disk.location}/${name}`;
    const file = this.#open(name);
    if (file === undefined) {
      throw new IndexDamagedError(`Cannot open ${display}: it is missing`);
    }
    try {
      return new Run({
        file,
        display,
        description,
        hash,
        pool: this.pool,
        ...(summary === undefined ? {} : { summary }),
      });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  #removeStrays(manifest: Manifest): void {
    const runs = [...manifest.recent, ...manifest.base];
    const named = new Set(runs.map(({ run }) => runName(run)));
    for (const name of this.#options.disk.list()) {
      if (name !== MANIFEST && name !== PACKS && !named.has(name)) {
        this.#remove(name);
      }
    }
  }

  /** An empty file; one of an attempt that failed is replaced. */
  #create(name: string): DiskFile {
    this.#remove(name);
    return this.#options.disk.create(name);
  }

  #open(name: string): DiskFile | undefined {
    return ifPresent(() => this.#options.disk.open(name));
  }

  #remove(name: string): void {
    ifPresent(() => this.#options.disk.remove(name));
  }

  #damaged(name: string, reason: string): IndexDamagedError {
    const { location } = this.#options.disk;
    return new IndexDamagedError(`Cannot use ${location}/${name}: ${reason}`);
  }
}

/** What `operation` on a file gives; undefined where there is no such file. */
function ifPresent<T>(operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    if (error instanceof DiskError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function runName(run: number): string {
  return RUN_PREFIX + run.toString().padStart(10, "0");
}
