/**
 * What can be told of a file of the archive.
 *
 * @module
 */

import type { Lz4 } from "../codec/lz4.ts";
import type { Hasher } from "../score.ts";

/** A value of a field; plain JSON. */
export type InspectedValue = string | number | boolean;

/** A file in words. Plain JSON. */
export interface Inspection {
  /** What it is: "pack". */
  readonly kind: string;
  /** What is wrong with it, each as half a sentence; empty for a sound file. */
  readonly faults: readonly string[];
  /** What it says of itself. */
  readonly fields: Readonly<Record<string, InspectedValue>>;
  /** What it holds, each with the same fields. */
  readonly entries: readonly Readonly<Record<string, InspectedValue>>[];
}

/** What inspecting works with. */
export interface InspectOptions {
  /** Computes scores and hashes. */
  readonly hasher: Hasher;
  /** Decompresses. */
  readonly lz4: Lz4;
}

/** A file whose kind is known, and of which no more can be told. */
export function unreadable(kind: string, fault: string): Inspection {
  return { kind, faults: [fault], fields: {}, entries: [] };
}
