/**
 * A pack in the making: blocks go in, a sealed file comes out.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import type { StoredBlock } from "../codec/block_codec.ts";
import type { Hasher } from "../score.ts";
import {
  directoryOf,
  encodeEntry,
  encodeHeader,
  encodeTrailer,
  ENTRY_LENGTH,
  HEADER_LENGTH,
  PACK_ENTRIES_MAX,
  type PackDirectory,
  type PackEntry,
  TRAILER_LENGTH,
} from "./pack_format.ts";

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
  readonly #bytes: Uint8Array;
  #entries: PackEntry[] = [];
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
    this.#bytes = new Uint8Array(bytesMax);
  }

  /** True before the first block. */
  get empty(): boolean {
    return this.#entries.length === 0;
  }

  /** True when a further block might not fit. */
  get full(): boolean {
    const count = this.#entries.length + 1;
    return count > PACK_ENTRIES_MAX ||
      this.#end + BLOCK_SIZE + count * ENTRY_LENGTH + TRAILER_LENGTH >
        this.#bytes.length;
  }

  /** Appends a block, copied. The builder must not be full. */
  add(kind: number, score: Uint8Array, stored: StoredBlock): void {
    const { codec, bytes } = stored;
    this.#bytes.set(bytes, this.#end);
    this.#entries.push({
      score: score.slice(),
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
    const entryCount = this.#entries.length;
    encodeHeader(this.#bytes, variant);
    this.#entries.forEach((entry, i) =>
      encodeEntry(this.#bytes, directoryOffset + i * ENTRY_LENGTH, entry)
    );
    const trailer = { directoryOffset, entryCount };
    encodeTrailer(this.#bytes, trailer, this.#hasher.hash);
    const end = directoryOffset + entryCount * ENTRY_LENGTH + TRAILER_LENGTH;
    const bytes = this.#bytes.subarray(0, end);
    return { name: this.#hasher.hash(bytes).toHex(), bytes };
  }

  /** The directory of the pack. */
  directory(): PackDirectory {
    return directoryOf(this.#entries);
  }

  /** Begins the next pack. */
  reset(): void {
    this.#entries = [];
    this.#end = HEADER_LENGTH;
  }
}
