/**
 * Scores: the BLAKE3 hash of a block, 256 bits, keyed by what the block is.
 *
 * A data block is hashed plainly, so that `b3sum` of its 4096 bytes prints its
 * score. Every other kind is hashed with a published key of its own: nothing a
 * client can write to its disk has the score of a pointer block or of a root.
 * docs/format.md, "Scores", gives the keys.
 *
 * @module
 */

import { blake3 } from "@noble/hashes/blake3.js";
import { createBLAKE3 } from "hash-wasm";
import { BlockKind, SCORE_LENGTH } from "./block_store.ts";

/** The BLAKE3 derive-key context of a kind's key; undefined for data. Throws `RangeError` for a kind that does not exist. */
export function scoreContext(kind: number): string | undefined {
  if (kind === BlockKind.Data) return undefined;
  if (kind === BlockKind.Root) return "deepshelf v1 root";
  if (kind >= BlockKind.PointerFirst && kind <= BlockKind.PointerLast) {
    return `deepshelf v1 pointer level ${kind}`;
  }
  throw new RangeError(`Cannot score a block of kind ${kind}: no such kind`);
}

/** True for the kinds of `BlockKind`. */
export function isBlockKind(kind: number): boolean {
  return kind === BlockKind.Root ||
    (Number.isInteger(kind) && kind >= BlockKind.Data &&
      kind <= BlockKind.PointerLast);
}

/** The 32-byte key of a kind; undefined for data. Throws `RangeError` for a kind that does not exist. */
export function scoreKey(kind: number): Uint8Array | undefined {
  const context = scoreContext(kind);
  if (context === undefined) return undefined;
  return blake3(new Uint8Array(0), {
    context: new TextEncoder().encode(context),
  });
}

/** Hashes a whole input plainly; the result is the caller's. */
export type PlainHash = (bytes: Uint8Array) => Uint8Array;

/** Hashes an input plainly that comes in pieces. */
export interface HashStream {
  /** Adds bytes, which are not kept. */
  update(bytes: Uint8Array): void;
  /** The hash of all, 32 bytes owned by the caller; nothing may be added any more. */
  digest(): Uint8Array;
}

/** Computes scores and plain hashes. All implementations agree byte for byte. */
export interface Hasher {
  /** Which implementation this is, for people. */
  readonly name: string;

  /**
   * Writes the score of `block`, a block of `kind`, to `target` at `offset`.
   * Throws `RangeError` for a kind that does not exist.
   */
  score(
    kind: number,
    block: Uint8Array,
    target: Uint8Array,
    offset?: number,
  ): void;

  /** The plain BLAKE3 of bytes of any length, 32 bytes owned by the caller. */
  hash(bytes: Uint8Array): Uint8Array;

  /** Begins a plain BLAKE3 of its own, beside whatever else is hashed. */
  begin(): Promise<HashStream>;
}

/** The hasher in plain JavaScript: slow, and the oracle of the others. */
export function createPortableHasher(): Hasher {
  const keys = new Map<number, Uint8Array | undefined>();
  return {
    name: "@noble/hashes",
    score(kind, block, target, offset = 0): void {
      if (!keys.has(kind)) keys.set(kind, scoreKey(kind));
      const key = keys.get(kind);
      target.set(blake3(block, key === undefined ? {} : { key }), offset);
    },
    hash: (bytes) => blake3(bytes),
    begin(): Promise<HashStream> {
      const hash = blake3.create({});
      return Promise.resolve({
        update: (bytes) => void hash.update(bytes),
        digest: () => hash.digest(),
      });
    },
  };
}

/** The hasher in WebAssembly: ten times as fast, and available everywhere. */
export async function createWasmHasher(): Promise<Hasher> {
  const plain = await createBLAKE3(SCORE_LENGTH * 8);
  const byKind = new Map([[BlockKind.Data as number, plain]]);
  for (let kind = 1; kind <= BlockKind.Root; kind++) {
    if (!isBlockKind(kind)) continue;
    const key = scoreKey(kind) as Uint8Array;
    byKind.set(kind, await createBLAKE3(SCORE_LENGTH * 8, key));
  }
  return {
    name: "hash-wasm",
    score(kind, block, target, offset = 0): void {
      const hasher = byKind.get(kind);
      if (hasher === undefined) {
        throw new RangeError(
          `Cannot score a block of kind ${kind}: no such kind`,
        );
      }
      target.set(hasher.init().update(block).digest("binary"), offset);
    },
    hash: (bytes) => plain.init().update(bytes).digest("binary"),
    async begin(): Promise<HashStream> {
      const hash = (await createBLAKE3(SCORE_LENGTH * 8)).init();
      return {
        update: (bytes) => void hash.update(bytes),
        digest: () => hash.digest("binary"),
      };
    },
  };
}

/** Bytes hashed in one turn: 0.1 ms, or 0.6 where nothing is native. */
const TURN_BYTES = 256 * 1024;

/**
 * The plain BLAKE3 of many bytes, in small pieces, so that the thread is never
 * held for long: 16 MiB at once would take 5 to 40 ms, and more where the
 * processor is busy.
 */
export async function hashInTurns(
  hasher: Hasher,
  bytes: Uint8Array,
  yieldNow: () => Promise<void>,
): Promise<Uint8Array> {
  const hash = await hasher.begin();
  for (let at = 0; at < bytes.length; at += TURN_BYTES) {
    hash.update(bytes.subarray(at, at + TURN_BYTES));
    await yieldNow();
  }
  return hash.digest();
}
