/**
 * What an index has to tell.
 *
 * @module
 */

import type { ArchiveEvent } from "../events.ts";

/** The index on disk cannot be used. */
export function indexDiscarded(reason: string): ArchiveEvent {
  return {
    event: "index-discarded",
    severity: "strange",
    message: `The index is discarded and made anew from the packs: ${reason}`,
    reason,
  };
}

/** The index could not be written; it is a cache, so everything goes on. */
export function indexNotSaved(location: string, reason: string): ArchiveEvent {
  return {
    event: "index-not-saved",
    severity: "admin",
    message:
      `The index cannot be saved in ${location}, and is tried again with every pack: ${reason}; make room there`,
    reason,
  };
}

/** The index can be written again. */
export function indexSaved(location: string): ArchiveEvent {
  return {
    event: "index-saved",
    severity: "info",
    message: `The index is saved in ${location} again`,
  };
}

/** The index has more entries than its memory is for. */
export function indexMemoryFull(
  passedOverCount: number,
  entryCount: number,
): ArchiveEvent {
  return {
    event: "index-memory-full",
    severity: "admin",
    message:
      `The index has no memory for ${passedOverCount} of its ${entryCount} blocks: what is written again may be stored again, and reads take longer; give the server more with --memory`,
    passedOverCount,
    entryCount,
  };
}

/** Bytes of the index are wrong, and it is made anew. */
export function indexDamaged(reason: string): ArchiveEvent {
  return {
    event: "index-damaged",
    severity: "strange",
    message: `The index is damaged and is made anew from the packs: ${reason}`,
    reason,
  };
}

/** It was made anew. */
export function indexMended(packCount: number): ArchiveEvent {
  return {
    event: "index-mended",
    severity: "info",
    message: `The index is complete again: ${packCount} packs`,
    packCount,
  };
}

/** What whoever adds to an index is told that has too much in memory. */
export function indexFull(shortage: string): Error {
  return new Error(
    `The index takes no more before it can be saved: ${shortage}`,
  );
}
