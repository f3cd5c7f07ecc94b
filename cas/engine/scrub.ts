/**
 * Reads and verifies all bytes of an archive, step by step: packs with each of
 * their blocks, roots, and all other blobs. Whoever asks for the steps decides
 * how fast; between two of them nothing is open, and what was done is kept, so
 * that a scrub goes on where it stood, also in another process.
 *
 * @module
 */

import { counted } from "../../blobstores/counted.ts";
import type { OperationRequest } from "../archive_operations.ts";
import { packNameOf } from "../packs/pack_files.ts";
import type { ScrubReport, ScrubStatus } from "../scrub_report.ts";
import type { EngineContext } from "./context.ts";
import { findDamage } from "./damage_search.ts";
import { forsakeMissingPacks } from "./listed_packs.ts";
import type { ReadyBlocks } from "./open_blocks.ts";
import {
  type ScrubMemory,
  type ScrubState,
  scrubStatus,
  usableScrubState,
} from "./scrub_memory.ts";
import { ScrubReader } from "./scrub_reader.ts";
import { ALL_KEYS, sampleSpans, shareOf } from "./scrub_spans.ts";
import { Turns } from "./turns.ts";
import type { HeadHints } from "./volumes.ts";

/** How often the place is saved. */
const SAVE_INTERVAL_MS = 10_000;
const PERCENT = 100;

/** What scrubs work with. */
export interface ScrubOptions {
  /** The engine's surroundings. */
  readonly context: EngineContext;
  /** Whose archive. */
  readonly archiveId: string;
  /** The archive's blocks. */
  readonly blocks: () => Promise<ReadyBlocks>;
  /** Newest roots that are known to have been there. */
  readonly seenHeads: () => HeadHints;
  /** Where the place is kept; it ends with the process when absent. */
  readonly memory?: ScrubMemory;
}

/** The scrubs of one archive, one after the other. */
export class Scrubs {
  readonly #options: ScrubOptions;
  readonly #turns = new Turns();
  #state: ScrubState | undefined;
  #savedMs = 0;

  /** Loads and reads nothing yet. */
  constructor(options: ScrubOptions) {
    this.#options = options;
  }

  /**
   * Relies on no pack that is missing, where a scrub has found damage before,
   * also in another process.
   */
  async start(): Promise<void> {
    const { pass, last } = await this.#load();
    const reports = [pass?.report, last];
    if (!reports.some((it) => it !== undefined && it.faultCount > 0)) return;
    const { blocks } = await this.#options.blocks();
    await forsakeMissingPacks(this.#options.context, blocks);
  }

  /** What was found so far and last; it waits for no step. */
  async status(): Promise<ScrubStatus> {
    return scrubStatus(await this.#load());
  }

  /** Makes a step. Steps that are asked for at once are made one by one. */
  step(request: OperationRequest<"scrub">): Promise<ScrubReport> {
    return this.#turns.run(() => this.#step(request));
  }

  /** Saves the place. */
  async close(): Promise<void> {
    await this.#turns.run(async () => {
      if (this.#state?.pass !== undefined) await this.#save(this.#state);
    });
  }

  async #step(request: OperationRequest<"scrub">): Promise<ScrubReport> {
    const { context, blocks } = this.#options;
    const ready = await blocks();
    let state = await this.#load();
    if (state.pass === undefined || request.restart === true) {
      // One that the index names need not be named by a root.
      await forsakeMissingPacks(context, ready.blocks);
      state = this.#begin(state, request.samplePercent ?? PERCENT);
    }
    const reader = new ScrubReader(context, ready, state.pass!);
    const pass = await reader.read(request.byteCountMax);
    if (pass.spans.length > 0) {
      this.#state = { ...state, pass };
      const dueMs = this.#savedMs + SAVE_INTERVAL_MS;
      if (context.clock.nowMs() >= dueMs) await this.#save(this.#state);
      return pass.report;
    }
    const { pass: _ended, ...rest } = state;
    const report = await reader.findHeads(this.#options.seenHeads());
    const last = await this.#end(report, ready);
    this.#state = { ...rest, last };
    await this.#save(this.#state);
    return last;
  }

  #begin(state: ScrubState, samplePercent: number): ScrubState {
    const share = samplePercent / PERCENT;
    const whole = share >= 1;
    const { sampleFrom } = state;
    const spans = whole ? ALL_KEYS : sampleSpans(sampleFrom, share);
    const report = {
      startedMs: this.#options.context.clock.nowMs(),
      samplePercent: whole ? PERCENT : samplePercent,
      progress: 0,
      blobCount: 0,
      packCount: 0,
      blockCount: 0,
      byteCount: 0,
      faults: [],
      faultCount: 0,
    };
    return {
      ...state,
      sampleFrom: whole ? sampleFrom : (sampleFrom + share) % 1,
      pass: { report, spans, share: shareOf(spans) },
    };
  }

  async #end(report: ScrubReport, ready: ReadyBlocks): Promise<ScrubReport> {
    const { context } = this.#options;
    const suspects = report.faults.flatMap(({ key }) => packNameOf(key) ?? []);
    const touched = report.faultCount === 0
      ? []
      : await findDamage(context, ready, new Set(suspects));
    const ended = {
      ...report,
      endedMs: context.clock.nowMs(),
      progress: 1,
      touched,
    };
    const { blobCount, byteCount, faultCount } = ended;
    context.onEvent({
      event: "scrub-done",
      severity: faultCount === 0 ? "info" : "corrupt",
      message: `Read and verified ${
        counted(blobCount, "blob")
      }, ${byteCount} bytes: ${faultCount} damaged or missing`,
      blobCount,
      byteCount,
      faultCount,
    });
    return ended;
  }

  async #load(): Promise<ScrubState> {
    const { archiveId, memory, context } = this.#options;
    if (this.#state !== undefined) return this.#state;
    let loaded: unknown;
    try {
      loaded = await memory?.load();
    } catch (error) {
      context.onEvent({
        event: "scrub-forgotten",
        severity: "strange",
        message: `Cannot load where the last scrub stood: ${String(error)}`,
      });
    }
    // A step may have begun from it meanwhile.
    this.#state ??= usableScrubState(loaded, archiveId);
    return this.#state;
  }

  async #save(state: ScrubState): Promise<void> {
    const { context, memory } = this.#options;
    this.#savedMs = context.clock.nowMs();
    try {
      await memory?.save(state);
    } catch (error) {
      context.onEvent({
        event: "scrub-unsaved",
        severity: "strange",
        message: `Cannot save where the scrub stands: ${String(error)}`,
      });
    }
  }
}
