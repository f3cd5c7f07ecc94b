/**
 * How a disk over a file reads without letting everything else wait: what the
 * system has in memory at once, and the rest on other threads, several at once.
 *
 * The asynchronous `read`, `write` and `writev` of `node:fs` wait for the disk
 * on the thread that calls, whatever their form (Deno 2.9.6), so that this
 * comes in from outside.
 *
 * @module
 */

/** One contiguous piece of a transfer between memory and a file. */
export interface Piece {
  /** The memory; lent for the time of the transfer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the piece begins in the memory. */
  readonly offset: number;
  /** Its length. */
  readonly byteCount: number;
  /** Where it begins in the file, in bytes. */
  readonly position: number;
}

/** Moves some bytes of a piece, and resolves with how many: 0 at the file's end. Rejects with the system's words. */
export type PieceCall = (piece: Piece) => Promise<number>;

/** Reads one open file. */
export interface FileReads {
  /**
   * Copies the piece if the system has all of it in memory, and says whether
   * it did; never waits for a disk. On false, memory is as it was.
   */
  readNow(piece: Piece): boolean;
  /** Reads on another thread, for as long as the disk takes. */
  readonly read: PieceCall;
  /** Lets go of what it needs, but not of the file; nothing is under way. */
  close(): void;
}

/** Makes the reads of an open file; undefined where the system has none like this, or they are not allowed. */
export type OpenFileReads = (descriptor: number) => FileReads | undefined;

/** Repeats a call that moved less than it was asked to. Rejects at the file's end. */
export async function transfer(call: PieceCall, piece: Piece): Promise<void> {
  let moved = 0;
  while (moved < piece.byteCount) {
    const count = await call({
      bytes: piece.bytes,
      offset: piece.offset + moved,
      byteCount: piece.byteCount - moved,
      position: piece.position + moved,
    });
    if (count === 0) {
      throw new Error(`it ends at byte ${piece.position + moved}`);
    }
    moved += count;
  }
}
