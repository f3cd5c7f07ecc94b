/**
 * What local state remembers of scrubs: where the one under way stands, and
 * what the last one found. It is a cache: without it a scrub begins anew.
 *
 * @module
 */

import type { ScrubReport, ScrubStatus } from "../scrub_report.ts";
import type { KeySpan } from "./scrub_spans.ts";

/** A scrub that is under way. */
export interface ScrubPass {
  /** What it has found so far. */
  readonly report: ScrubReport;
  /** What it has still to read. */
  readonly spans: readonly KeySpan[];
  /** How much of the packs it reads in all, 0 to 1. */
  readonly share: number;
}

/** What is remembered. Plain JSON. */
export interface ScrubState {
  /** Of which archive. */
  readonly archiveId: string;
  /** Where the next sample begins among the packs, 0 to 1. */
  readonly sampleFrom: number;
  /** The scrub under way. */
  readonly pass?: ScrubPass;
  /** What the last one that ended found. */
  readonly last?: ScrubReport;
}

/** Where it is kept. A failing `save` is reported and does no harm. */
export interface ScrubMemory {
  /** What was saved last; anything else is ignored. */
  load(): Promise<unknown>;
  /** Saves it, in place of what was before. */
  save(state: ScrubState): Promise<void>;
}

/** The state of this archive from whatever was loaded; a fresh one otherwise. */
export function usableScrubState(
  loaded: unknown,
  archiveId: string,
): ScrubState {
  const state = loaded as ScrubState | null | undefined;
  const usable = typeof state === "object" && state !== null &&
    state.archiveId === archiveId && typeof state.sampleFrom === "number" &&
    (state.pass === undefined || Array.isArray(state.pass.spans));
  return usable ? state : { archiveId, sampleFrom: 0 };
}

/** What is told of it. */
export function scrubStatus({ pass, last }: ScrubState): ScrubStatus {
  return {
    ...(pass === undefined ? {} : { current: pass.report }),
    ...(last === undefined ? {} : { last }),
  };
}
