/**
 * How much memory the filters of an index may take.
 *
 * @module
 */

import type { EventSink } from "../events.ts";
import { indexMemoryFull } from "./index_events.ts";
import type { RunList } from "./run_list.ts";

/** What the limit is. */
export interface MemoryLimitOptions {
  /** Bytes of filters; no limit when absent. */
  readonly filterBytesMax?: number;
  /** Takes `index-memory-full`, once. */
  readonly onEvent: EventSink;
}

/** Keeps filters within a limit. */
export class MemoryLimit {
  readonly #options: MemoryLimitOptions;
  #wasTold = false;

  /** Limits nothing yet. */
  constructor(options: MemoryLimitOptions) {
    this.#options = options;
  }

  /** Lets the newest of these runs keep their filters, and the others not. */
  limit(runs: RunList): void {
    const { filterBytesMax, onEvent } = this.#options;
    if (filterBytesMax === undefined) return;
    runs.limitFilters(filterBytesMax);
    const { unfilteredCount, entryCount } = runs;
    if (unfilteredCount === 0 || this.#wasTold) return;
    this.#wasTold = true;
    onEvent(indexMemoryFull(unfilteredCount, entryCount));
  }
}
