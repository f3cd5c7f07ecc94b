/**
 * What a repair did.
 *
 * @module
 */

/** A blob that was mended. */
export interface MendedBlob {
  /** Its key. */
  readonly key: string;
  /** What was wrong with it, as half a sentence. */
  readonly reason: string;
  /** Its bytes. */
  readonly byteCount: number;
}

/** A blob that could not be mended. */
export interface UnmendedBlob {
  /** Its key. */
  readonly key: string;
  /** What is wrong with it here and in the copies, as half a sentence. */
  readonly reason: string;
}

/** What a repair did. */
export interface RepairResult {
  /** Blobs read and verified here. */
  readonly verifiedCount: number;
  /** Mended, in the order of their keys. */
  readonly mended: readonly MendedBlob[];
  /** Not mended. */
  readonly unmended: readonly UnmendedBlob[];
  /**
   * Why it ended before everything was looked at, such as a `LostClaim`; what is
   * above is what was done until then. Absent where it did not.
   */
  readonly stopped?: unknown;
}
