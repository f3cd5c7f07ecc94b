/**
 * From stored bytes to a block that is proven to be the one asked for.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import { BlockCodec } from "../codec/block_codec.ts";
import type { Lz4 } from "../codec/lz4.ts";
import { KEY_LENGTH } from "../index/entry.ts";
import type { Hasher } from "../score.ts";

/** A stored block, and how it should decode. */
export interface StoredClaim {
  /** A `BlockKind`. */
  readonly kind: number;
  /** A `Codec`. */
  readonly codec: number;
  /** The stored bytes. */
  readonly stored: Uint8Array;
}

/** A stored block and what it should be. */
export interface ClaimedBlock extends StoredClaim {
  /** 32 bytes. */
  readonly score: Uint8Array;
}

/** A stored block as a directory has it. */
export interface ListedBlock extends StoredClaim {
  /** The first 20 bytes of its score; of more those are compared. */
  readonly key: Uint8Array;
}

/** A block that is as its directory says; both are borrowed until the next one is verified. */
export interface SoundBlock {
  /** Its whole score, 32 bytes. */
  readonly score: Uint8Array;
  /** The block. */
  readonly block: Uint8Array;
}

/** Decodes and verifies blocks. */
export class BlockVerifier {
  readonly #hasher: Hasher;
  readonly #codec: BlockCodec;
  readonly #found = new Uint8Array(SCORE_LENGTH);

  /** Makes a verifier with memory of its own. */
  constructor(hasher: Hasher, lz4: Lz4) {
    this.#hasher = hasher;
    this.#codec = new BlockCodec(lz4);
  }

  /** The block, borrowed until the next call; or, as half a sentence, what was found instead. */
  verify(claim: ClaimedBlock): Uint8Array | string {
    return this.#verify(claim, claim.score, SCORE_LENGTH);
  }

  /**
   * A block as its directory says; or, as half a sentence, what was found
   * instead. It tells that the block is sound, not that it is the one that a
   * pointer means.
   */
  verifyListed(claim: ListedBlock): SoundBlock | string {
    const block = this.#verify(claim, claim.key, KEY_LENGTH);
    if (typeof block === "string") return block;
    return { score: this.#found, block };
  }

  #verify(
    { kind, codec, stored }: StoredClaim,
    expected: Uint8Array,
    length: number,
  ): Uint8Array | string {
    const block = this.#codec.decode(codec, stored);
    if (block === undefined) {
      return `its ${stored.length} stored bytes do not decode with ` +
        `codec ${codec}`;
    }
    this.#hasher.score(kind, block, this.#found);
    for (let i = 0; i < length; i++) {
      if (this.#found[i] !== expected[i]) {
        return `its score is ${this.#found.toHex()}`;
      }
    }
    return block;
  }
}
