/**
 * The blobs that a repair compares: read and verified, and one whole pack made
 * of two that are damaged.
 *
 * @module
 */

import { blobErrorCode } from "../../blobstores/blob_store.ts";
import type { Lz4 } from "../codec/lz4.ts";
import { BlockVerifier } from "../packs/block_verifier.ts";
import { packNameOf } from "../packs/pack_files.ts";
import { splicePack } from "../packs/pack_splice.ts";
import { verifyPackFile } from "../packs/pack_verifier.ts";
import { faultOfBlob } from "./blob_verdict.ts";
import { readBlob } from "./blobs.ts";
import type { EngineContext } from "./context.ts";

/** Bytes of a sound blob, or what is wrong with it, and what is left of it. */
export type Found = Uint8Array | {
  /** As half a sentence. */
  readonly fault: string;
  /** Its bytes, where they can be read. */
  readonly bytes?: Uint8Array;
};

/** Reads blobs of an archive and of its copies. */
export class RepairBlobs {
  readonly #here: EngineContext;
  readonly #verifier: BlockVerifier;

  /** Blobs as the archive `here` has them. */
  constructor(here: EngineContext, lz4: Lz4) {
    this.#here = here;
    this.#verifier = new BlockVerifier(here.hasher, lz4);
  }

  /** Reads and verifies the blob of a key, here or in a copy. */
  async read(context: EngineContext, key: string): Promise<Found> {
    const { hasher, clock } = context;
    let bytes: Uint8Array | undefined;
    try {
      bytes = await readBlob(context, key);
    } catch (error) {
      if (blobErrorCode(error) !== "Corrupt") throw error;
      return { fault: (error as Error).message };
    }
    if (bytes === undefined) return { fault: "it is missing" };
    const pack = packNameOf(key);
    if (pack === undefined) {
      const fault = faultOfBlob(key, bytes, hasher);
      return fault === undefined ? bytes : { fault, bytes };
    }
    const { fault } = await verifyPackFile(pack, bytes, {
      hasher,
      verifier: this.#verifier,
      yieldNow: () => clock.yieldNow(),
    });
    return fault === undefined ? bytes : { fault, bytes };
  }

  /** One whole pack of two damaged ones, where they are damaged in different blocks. */
  async splice(
    key: string,
    own: Uint8Array | undefined,
    other: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const name = packNameOf(key);
    if (name === undefined || own === undefined || other === undefined) {
      return undefined;
    }
    const { clock, hasher } = this.#here;
    await clock.yieldNow();
    return splicePack(name, [own, other], { hasher, verifier: this.#verifier });
  }
}
