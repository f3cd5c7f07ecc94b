/**
 * Writes of the journal's files on other threads: a call of libc's, on Linux,
 * where native calls are allowed. Those of `node:fs` wait for the disk on the
 * thread that calls, whatever their form (Deno 2.9.6).
 *
 * @module
 */

import { openLibc } from "../../blobstores/libc.ts";
import type { WriteElsewhere } from "../../cas/disk/direct_writer.ts";

const SYMBOLS = {
  pwrite: {
    parameters: ["i32", "buffer", "usize", "i64"],
    result: "isize",
    nonblocking: true,
  },
} as const;

/** Writes on other threads. */
export interface JournalWrites {
  /** Writes once. */
  readonly write: WriteElsewhere;
  /** Lets go of the library; nothing is under way then, or written later. */
  close(): void;
}

/** Undefined where there is no such libc, or it may not be called. */
export function openJournalWrites(): JournalWrites | undefined {
  const libc = openLibc(SYMBOLS);
  if (libc === undefined) return undefined;
  return {
    async write(descriptor, bytes, position): Promise<number> {
      // Native code must not read what another thread may write.
      if (!(bytes.buffer instanceof ArrayBuffer)) return -1;
      const count = await libc.symbols.pwrite(
        descriptor,
        bytes as Uint8Array<ArrayBuffer>,
        BigInt(bytes.length),
        BigInt(position),
      );
      return Number(count);
    },
    close: () => libc.close(),
  };
}
