/**
 * Tells the system which bytes of a file are read next, and is told whether that
 * is a disk of this computer: two calls of libc's, on Linux, where native calls
 * are allowed. Nothing here asks the user for that.
 *
 * @module
 */

import { openLibc } from "./libc.ts";

const SYMBOLS = {
  posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
  // On another thread: a file system that hangs does not answer this either.
  statfs: {
    parameters: ["buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
} as const;

/** posix_fadvise(2): the system begins to read the bytes into its memory. */
const POSIX_FADV_WILLNEED = 3;

/** Bytes of a `struct statfs`, and more: it begins with the type. */
const STATFS_LENGTH = 512;
/** Types whose files another machine has, or another process: statfs(2), linux/magic.h. */
const REMOTE_TYPES: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2
  0x65735546, // FUSE: sshfs, GlusterFS and others
  0x01021997, // 9P
  0x00c36400, // Ceph
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
  0x19830326, // BeeGFS
  0x5346414f, // OpenAFS
  0x6b414653, // AFS
  0x73757245, // Coda
]);

/** Tells the system which bytes of an open file are read next. */
export interface ReadAnnouncer {
  /** Begins to fetch; waits for nothing. */
  announce(descriptor: number, offset: number, length: number): void;
  /** Lets go of what it needs. */
  close(): void;
}

/** The system's own. */
export interface SystemAnnouncer extends ReadAnnouncer {
  /**
   * Type of the file system that has a file: resolves late or never where that
   * hangs, and to undefined where there is no such file.
   */
  fileSystemType(path: string): Promise<number | undefined>;
}

/** True for file systems over a network, which may hang for as long as that. */
export function isRemoteType(fileSystemType: number): boolean {
  return REMOTE_TYPES.has(fileSystemType);
}

/** The system's; undefined where there is none, or it may not be called. */
export function systemAnnouncer(): SystemAnnouncer | undefined {
  const libc = openLibc(SYMBOLS);
  return libc && announcerOf(libc);
}

function announcerOf(
  libc: Deno.DynamicLibrary<typeof SYMBOLS>,
): SystemAnnouncer {
  const { posix_fadvise: advise, statfs } = libc.symbols;
  return {
    async fileSystemType(path): Promise<number | undefined> {
      const status = new Uint8Array(STATFS_LENGTH);
      const terminated = new TextEncoder().encode(`${path}\0`);
      if (await statfs(terminated, status) !== 0) return undefined;
      // A word of the machine's own, both of whose kinds are little-endian.
      return new DataView(status.buffer).getUint32(0, true);
    },
    announce(descriptor, offset, length): void {
      // Advice: what it returns changes nothing.
      advise(descriptor, BigInt(offset), BigInt(length), POSIX_FADV_WILLNEED);
    },
    close: () => libc.close(),
  };
}
