/**
 * From stored bytes to a block that is proven to be the one asked for.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import { BlockCodec } from "../codec/block_codec.ts";
import type { Lz4 } from "../codec/lz4.ts";
import type { Hasher } from "../score.ts";

/** A stored block and what it should be. */
export interface ClaimedBlock {
  /** A `BlockKind`. */
  readonly kind: number;
  /** A `Codec`. */
  readonly codec: number;
  /** The stored bytes. */
  readonly stored: Uint8Array;
  /** 32 bytes. */
  readonly score: Uint8Array;
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
    const block = this.#codec.decode(claim.codec, claim.stored);
    if (block === undefined) {
      return `its ${claim.stored.length} stored bytes do not decode with ` +
        `codec ${claim.codec}`;
    }
    this.#hasher.score(claim.kind, block, this.#found);
    for (let i = 0; i < SCORE_LENGTH; i++) {
      if (this.#found[i] !== claim.score[i]) {
        return `its score is ${this.#found.toHex()}`;
      }
    }
    return block;
  }
}
