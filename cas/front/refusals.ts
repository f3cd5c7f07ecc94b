/**
 * When and how writes are refused: what the two places that do it have in
 * common, the journal whose disk is full and the front whose archive is.
 *
 * @module
 */

import type { ArchiveEvent } from "../events.ts";

/**
 * For so long writes that find no room wait before they are refused: a refusal
 * makes most file systems read-only, which a quota that is raised or a log that
 * is rotated now must not cost.
 */
export const GRACE_MS = 5000;

/** Writes fail from now on, where they need room. */
export function writesRefused(reason: string): ArchiveEvent {
  return {
    event: "writes-refused",
    severity: "admin",
    message:
      `Writes are refused with an ATA error: ${reason}. Reads go on. Make room, and writes go on by themselves; a client whose file system has become read-only has to mount it anew`,
    reason,
  };
}

/** What made writes fail is over. */
export function writesAccepted(): ArchiveEvent {
  return {
    event: "writes-accepted",
    severity: "info",
    message: "There is room again: writes are no longer refused",
  };
}
