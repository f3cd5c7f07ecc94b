/**
 * How a block is stored: raw, or compressed where that saves space. A codec
 * byte beside every stored block says which, so that another compression can
 * come later without touching a score: scores are of the uncompressed block.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import type { Lz4 } from "./lz4.ts";

/** The codec byte. 2 is reserved for zstd. */
export const Codec = {
  /** The block as it is, 1 to 4096 bytes. */
  Raw: 0,
  /** An LZ4 block that decompresses to exactly 4096 bytes. */
  Lz4: 1,
} as const;

/** A block as it is stored. */
export interface StoredBlock {
  /** A `Codec`. */
  readonly codec: number;
  /** Its bytes: borrowed from the block given or from the codec, until the next call. */
  readonly bytes: Uint8Array;
}

/** Turns blocks to stored blocks and back, through one `Lz4`. */
export class BlockCodec {
  readonly #lz4: Lz4;
  /** One byte less than a block: what does not fit saves nothing. */
  readonly #compressed = new Uint8Array(BLOCK_SIZE - 1);
  readonly #plain = new Uint8Array(BLOCK_SIZE);

  /** Makes a codec over an implementation of LZ4. */
  constructor(lz4: Lz4) {
    this.#lz4 = lz4;
  }

  /** Chooses how to store `block`. Blocks other than 4096 bytes long stay raw. */
  encode(block: Uint8Array): StoredBlock {
    if (block.length === BLOCK_SIZE) {
      const length = this.#lz4.compress(block, this.#compressed);
      if (length > 0) {
        return {
          codec: Codec.Lz4,
          bytes: this.#compressed.subarray(0, length),
        };
      }
    }
    return { codec: Codec.Raw, bytes: block };
  }

  /**
   * The block that `bytes` stores, borrowed until the next call; undefined
   * when the codec is unknown or `bytes` do not decompress to 4096 bytes. The
   * block is not verified.
   */
  decode(codec: number, bytes: Uint8Array): Uint8Array | undefined {
    if (codec === Codec.Raw) {
      return bytes.length <= BLOCK_SIZE ? bytes : undefined;
    }
    if (codec !== Codec.Lz4) return undefined;
    const length = this.#lz4.decompress(bytes, this.#plain);
    return length === BLOCK_SIZE ? this.#plain : undefined;
  }
}
