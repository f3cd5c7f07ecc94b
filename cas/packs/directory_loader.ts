/**
 * Reads the directory of a pack in the blob store. A pack whose directory does
 * not verify is salvaged: those entries count whose blocks verify.
 *
 * @module
 */

import type { EventSink } from "../events.ts";
import type { Hasher } from "../score.ts";
import type { BlockVerifier } from "./block_verifier.ts";
import {
  decodeDirectory,
  decodeEntry,
  decodeTrailer,
  directoryOf,
  HEADER_LENGTH,
  isPlausible,
  layoutByHead,
  mayBeEntry,
  PACK_LAYOUTS,
  type PackDirectory,
  type PackEntry,
  type PackLayout,
  type PackTrailer,
  TRAILER_LENGTH,
} from "./pack_format.ts";
import { PackFault, type PackFile, type PackFiles } from "./pack_files.ts";

/** Read at first: the directory of most packs, with its trailer. */
const TAIL_BYTES = 192 * 1024;

/** What a loader works with. */
export interface DirectoryLoaderOptions {
  /** The pack files. */
  readonly files: PackFiles;
  /** Computes checksums. */
  readonly hasher: Hasher;
  /** Decodes and verifies, for salvage. */
  readonly verifier: BlockVerifier;
  /** Takes `pack-missing` and `pack-salvaged`. */
  readonly onEvent: EventSink;
}

/** Loads directories. */
export class DirectoryLoader {
  readonly #options: DirectoryLoaderOptions;

  /** Makes a loader. */
  constructor(options: DirectoryLoaderOptions) {
    this.#options = options;
  }

  /** The directory of the pack of that name; undefined, after a `pack-missing` event, when there is none. */
  async loadByName(name: string): Promise<PackDirectory | undefined> {
    const size = await this.#options.files.size(name);
    if (size === undefined) return this.#missing(name, "there is no such blob");
    return await this.load({ name, size });
  }

  /** The directory of a pack. */
  async load(file: PackFile): Promise<PackDirectory | undefined> {
    const directory = await this.#loadTail(file);
    if (typeof directory !== "string") return directory;
    const bytes = await this.#options.files.readAll(file.name);
    if (bytes instanceof PackFault) {
      return this.#missing(file.name, bytes.reason);
    }
    const salvaged = salvageDirectory(bytes, this.#options.verifier);
    this.#options.onEvent({
      event: "pack-salvaged",
      severity: "corrupt",
      message: `Pack ${file.name} is damaged: ${directory}; ` +
        `${salvaged.count} of its blocks were saved`,
      pack: file.name,
      reason: directory,
      blocksSaved: salvaged.count,
    });
    return salvaged;
  }

  /** The directory of a pack if it is sound: nothing is salvaged. */
  async loadSound(file: PackFile): Promise<PackDirectory | undefined> {
    const directory = await this.#loadTail(file);
    return typeof directory === "string" ? undefined : directory;
  }

  /** By trailer and directory alone; as a string, what is wrong with them. */
  async #loadTail(file: PackFile): Promise<PackDirectory | string> {
    const { size } = file;
    if (size < HEADER_LENGTH + TRAILER_LENGTH) return `it has ${size} bytes`;
    const found = await this.#readTail(file, Math.min(size, TAIL_BYTES));
    if (typeof found === "string" || "count" in found) return found;
    const whole = await this.#readTail(file, size - found.directoryOffset);
    if (typeof whole === "string" || "count" in whole) return whole;
    return "its trailer is another one each time it is read";
  }

  /** What the last bytes of a pack hold: in any copy, where the store has several. */
  async #readTail(
    { name, size }: PackFile,
    length: number,
  ): Promise<DecodedTail> {
    const { files, hasher } = this.#options;
    let found: DecodedTail | undefined;
    // A damaged copy that comes late must not take the place of a sound one.
    const accept = (copy: Uint8Array): boolean => {
      const decoded = decodeTail(copy, size, hasher);
      if (typeof decoded === "string") return false;
      found = decoded;
      return true;
    };
    const tail = await files.read(name, size - length, length, accept);
    if (tail instanceof PackFault) return tail.reason;
    // A store with one copy need not ask.
    return found ?? decodeTail(tail, size, hasher);
  }

  #missing(name: string, reason: string): undefined {
    this.#options.onEvent({
      event: "pack-missing",
      severity: "corrupt",
      message: `Pack ${name} cannot be read: ${reason}; its blocks are lost ` +
        `unless another pack holds them`,
      pack: name,
      reason,
    });
    return undefined;
  }
}

/** What the end of a pack file holds: its directory, or the trailer of one that begins before; as a string, what is wrong. */
type DecodedTail = PackDirectory | PackTrailer | string;

function decodeTail(
  tail: Uint8Array,
  size: number,
  hasher: Hasher,
): DecodedTail {
  const trailer = decodeTrailer(tail, size);
  if (typeof trailer === "string") return trailer;
  const length = size - trailer.directoryOffset;
  if (length > tail.length) return trailer;
  const bytes = tail.subarray(tail.length - length);
  return decodeDirectory(bytes, trailer, hasher.hash);
}

/**
 * What can be saved of the directory of a damaged pack file. Its version is the
 * one that it begins with, unless that is damaged as well.
 */
export function salvageDirectory(
  file: Uint8Array,
  verifier: BlockVerifier,
): PackDirectory {
  const likely = layoutByHead(file);
  const others = PACK_LAYOUTS.filter((it) => it !== likely);
  const layouts = likely === undefined ? others : [likely, ...others];
  for (const layout of layouts) {
    const entries = salvageEntries(file, layout, verifier);
    if (entries.length > 0) return directoryOf(entries);
  }
  return directoryOf([]);
}

/**
 * Entries are sought backwards from where the directory should end, and, when
 * none is there, from every place near the end: the file may have been cut off.
 */
function salvageEntries(
  file: Uint8Array,
  layout: PackLayout,
  verifier: BlockVerifier,
): PackEntry[] {
  const ends = [file.length - TRAILER_LENGTH];
  for (let cut = 0; cut < layout.entryLength; cut++) {
    ends.push(file.length - cut);
  }
  for (const end of ends) {
    const entries = salvageBackwards(file, { end, layout, verifier });
    if (entries.length > 0) return entries;
  }
  return [];
}

function salvageBackwards(
  file: Uint8Array,
  from: {
    readonly end: number;
    readonly layout: PackLayout;
    readonly verifier: BlockVerifier;
  },
): PackEntry[] {
  const { entryLength } = from.layout;
  const saved: PackEntry[] = [];
  let blocksEnd = HEADER_LENGTH;
  for (let at = from.end - entryLength; at >= blocksEnd; at -= entryLength) {
    if (!mayBeEntry(file, at, from.layout)) continue;
    const entry = decodeEntry(file, at, from.layout);
    if (!isPlausible(entry, at)) continue;
    const { kind, codec, key, offset, length } = entry;
    const stored = file.subarray(offset, offset + length);
    const found = from.verifier.verifyListed({ kind, codec, stored, key });
    if (typeof found === "string") continue;
    saved.push(entry);
    blocksEnd = Math.max(blocksEnd, offset + length);
  }
  return saved.reverse();
}
