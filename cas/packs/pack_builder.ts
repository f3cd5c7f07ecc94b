/**
 * A pack in the making: blocks go in, a sealed file comes out.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import type { StoredBlock } from "../codec/block_codec.ts";
import { alignedBytes } from "../disk/direct_writer.ts";
import { KEY_LENGTH } from "../index/entry.ts";
import type { Hasher } from "../score.ts";
import {
  decodeEntries,
  encodeEntry,
  encodeHeader,
  encodeTrailer,
  ENTRY_LENGTH,
  HEADER_LENGTH,
  PACK_ENTRIES_MAX,
  type PackDirectory,
  TRAILER_LENGTH,
} from "./pack_format.ts";

/** Memory for the directory of a pack of 16 MiB of blocks that do not compress; it doubles. */
const DIRECTORY_BYTES_FIRST: number = 4096 * ENTRY_LENGTH;

/** A finished pack file. */
export interface SealedPack {
  /** Its name: the plain BLAKE3 of its bytes, 64 hexadecimal digits. */
  readonly name: string;
  /** The file, borrowed from the builder. */
  readonly bytes: Uint8Array;
}

/** Collects the blocks of one pack at a time, in memory it keeps. */
export class PackBuilder {
  readonly #hasher: Hasher;
  /** Aligned, so that a folder can write it past the system's memory. */
  readonly #bytes: Uint8Array;
  /** The directory so far: an object for each of so many blocks would live too long for V8. */
  #directory = new Uint8Array(DIRECTORY_BYTES_FIRST);
  #entryCount = 0;
  #end = HEADER_LENGTH;

  /** Makes a builder of packs up to `bytesMax` bytes. */
  constructor(hasher: Hasher, bytesMax: number) {
    const least = HEADER_LENGTH + BLOCK_SIZE + ENTRY_LENGTH + TRAILER_LENGTH;
    if (!Number.isSafeInteger(bytesMax) || bytesMax < least) {
      throw new RangeError(
        `Cannot make packs of ${bytesMax} bytes: one block takes ${least}`,
      );
    }
    this.#hasher = hasher;
    this.#bytes = alignedBytes(bytesMax);
  }

  /** True before the first block. */
  get empty(): boolean {
    return this.#entryCount === 0;
  }

  /** True when a further block might not fit. */
  get full(): boolean {
    const count = this.#entryCount + 1;
    return count > PACK_ENTRIES_MAX ||
      this.#end + BLOCK_SIZE + count * ENTRY_LENGTH + TRAILER_LENGTH >
        this.#bytes.length;
  }

  /** Appends a block, copied. The builder must not be full. */
  add(kind: number, score: Uint8Array, stored: StoredBlock): void {
    const { codec, bytes } = stored;
    this.#bytes.set(bytes, this.#end);
    const at = this.#entryCount++ * ENTRY_LENGTH;
    if (at === this.#directory.length) this.#grow();
    encodeEntry(this.#directory, at, {
      key: score.subarray(0, KEY_LENGTH),
      offset: this.#end,
      length: bytes.length,
      kind,
      codec,
    });
    this.#end += bytes.length;
  }

  /** Completes the file. May be called again with another variant. */
  seal(variant: number): SealedPack {
    const directoryOffset = this.#end;
    const entryCount = this.#entryCount;
    encodeHeader(this.#bytes, variant);
    const entries = this.#directory.subarray(0, entryCount * ENTRY_LENGTH);
    this.#bytes.set(entries, directoryOffset);
    const trailer = { directoryOffset, entryCount };
    encodeTrailer(this.#bytes, trailer, this.#hasher.hash);
    const end = directoryOffset + entries.length + TRAILER_LENGTH;
    const bytes = this.#bytes.subarray(0, end);
    return { name: this.#hasher.hash(bytes).toHex(), bytes };
  }

  /** The directory of the pack. */
  directory(): PackDirectory {
    return decodeEntries(this.#directory, this.#entryCount);
  }

  /** Begins the next pack. */
  reset(): void {
    this.#entryCount = 0;
    this.#end = HEADER_LENGTH;
  }

  #grow(): void {
    const grown = new Uint8Array(2 * this.#directory.length);
    grown.set(this.#directory);
    this.#directory = grown;
  }
}
