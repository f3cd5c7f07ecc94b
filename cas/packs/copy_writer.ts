/**
 * Puts index copies, one at a time, of packs that are in none. A copy is made
 * from the directories as the store has them, so packs of earlier servers, and
 * of a time before there were copies, come into one as well.
 *
 * @module
 */

import { counted } from "../../blobstores/counted.ts";
import { ArchiveError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import type { ScoreIndex } from "../index/score_index.ts";
import type { DirectoryLoader } from "./directory_loader.ts";
import type { IndexCopies } from "./index_copies.ts";
import {
  type CopiedPack,
  COPY_BYTES_MAX,
  COPY_PACKS_MAX,
  copyLength,
  encodeBlocks,
} from "./index_copy_format.ts";
import type { PackFiles } from "./pack_files.ts";

/** What making copies works with. */
export interface CopyWriterOptions {
  /** Knows the packs, in the order they came. */
  readonly index: ScoreIndex;
  /** The packs. */
  readonly files: PackFiles;
  /** Reads their directories. */
  readonly loader: DirectoryLoader;
  /** The copies. */
  readonly copies: IndexCopies;
  /** Takes `index-copied` and `index-not-copied`. */
  readonly onEvent: EventSink;
  /** Packs that make a copy: 128 when absent, and no more. */
  readonly packCount?: number;
}

/** Makes copies of an index. */
export class CopyWriter {
  readonly #options: CopyWriterOptions;
  readonly #packCount: number;
  /** Packs whose directories a copy cannot have. */
  readonly #unfit = new Set<string>();
  /** Packs below which nothing is tried: an attempt failed. */
  #packCountMin = 0;

  /** Makes none yet. */
  constructor(options: CopyWriterOptions) {
    this.#options = options;
    this.#packCount = options.packCount ?? COPY_PACKS_MAX;
  }

  /**
   * Makes one copy, if enough packs are in none: two small requests for each,
   * one after the other, so that packs on their way have the store. What goes
   * wrong is told, and tried again when as many packs have come.
   */
  async write(): Promise<void> {
    const { index, onEvent } = this.#options;
    const { packCount } = index;
    if (packCount < Math.max(this.#packCount, this.#packCountMin)) return;
    try {
      await this.#write();
    } catch (error) {
      if (error instanceof ArchiveError && error.code === "Closed") return;
      this.#packCountMin = packCount + this.#packCount;
      const reason = (error as Error).message;
      onEvent({
        event: "index-not-copied",
        severity: "strange",
        message:
          `Cannot put a copy of the index, which only makes a new machine slower: ${reason}`,
        reason,
      });
    }
  }

  async #write(): Promise<void> {
    const { copies, onEvent } = this.#options;
    const covered = await copies.covered();
    const due = this.#due(covered);
    if (due.length < this.#packCount) return;
    const packs: CopiedPack[] = [];
    for (const name of due) {
      const pack = await this.#read(name);
      if (pack === undefined) this.#unfit.add(name);
      else if (copyLength([...packs, pack]) > COPY_BYTES_MAX) break;
      else packs.push(pack);
    }
    if (packs.length === 0) return;
    const key = await copies.put(packs);
    for (const { name } of packs) covered.add(name);
    onEvent({
      event: "index-copied",
      severity: "info",
      message: `Put a copy of the index of ${
        counted(packs.length, "pack")
      }: "${key}"`,
      key,
      packCount: packs.length,
    });
  }

  /** The first packs that are in no copy. */
  #due(covered: ReadonlySet<string>): string[] {
    const { index } = this.#options;
    const due: string[] = [];
    for (
      let pack = 0;
      pack < index.packCount && due.length < this.#packCount;
      pack++
    ) {
      const name = index.packName(pack);
      if (!covered.has(name) && !this.#unfit.has(name)) due.push(name);
    }
    return due;
  }

  /** A pack as a copy has it; undefined where it is missing, damaged, or lies otherwise. */
  async #read(name: string): Promise<CopiedPack | undefined> {
    const { files, loader } = this.#options;
    const size = await files.size(name);
    if (size === undefined) return undefined;
    const directory = await loader.loadSound({ name, size });
    const blocks = directory && encodeBlocks(directory, size);
    return blocks === undefined ? undefined : { name, size, blocks };
  }
}
