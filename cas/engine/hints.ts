/**
 * What local state remembers so that opening an archive does not grow with its
 * history. All of it is checked against the store. A wrong hint costs
 * time, but for one: a head that was seen and is gone is a loss, and refused.
 *
 * @module
 */

import type { HeadHints } from "./volumes.ts";

/** What is remembered. Plain JSON. */
export interface ArchiveHints {
  /** Of which archive. */
  readonly archiveId: string;
  /** The newest claim known. */
  readonly epoch: number;
  /** Newest sequence of each volume, by id. */
  readonly heads: HeadHints;
}

/** Where hints are kept. A failing `save` is reported and does no harm. */
export interface HintsCache {
  /** What was saved last; anything else is ignored. */
  load(): Promise<unknown>;
  /** Saves hints, in place of those before. */
  save(hints: ArchiveHints): Promise<void>;
}

/** The hints for this archive, from whatever was loaded. */
export function usableHints(
  loaded: unknown,
  archiveId: string,
): Pick<ArchiveHints, "heads"> & { epoch?: number } {
  const { archiveId: of, epoch, heads } = objectOr(loaded);
  if (of !== archiveId) return { heads: {} };
  return {
    heads: Object.fromEntries(
      Object.entries(objectOr(heads)).filter(
        (entry): entry is [string, number] => isCount(entry[1]),
      ),
    ),
    ...(isCount(epoch) ? { epoch } : {}),
  };
}

function objectOr(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null
    ? value as Record<string, unknown>
    : {};
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
