/**
 * `store stats`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  type Command,
  defineCommand,
  serverChoice,
} from "../command.ts";
import { showStoreStats } from "../verbs/store_stats.ts";

/** Shows what a running server asked of its store. */
export const storeStatsCommand: Command = defineCommand({
  words: ["store", "stats"],
  usage: "--store URL | --state DIR [--json]",
  summary:
    "Show what the running server asked of its store, and how it answered.",
  details:
    `Counted since the server started: each request once, also repeated ones, without
the time that it waited for its turn. P50 and P99 are bounds: half of the
requests, and 99 of 100, took no longer. NotFound and AlreadyExists are answers,
not faults. With --json there is the whole histogram. Where packs are cached on
the local disk, what the cache spared the store follows.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    return await showStoreStats(serverChoice(values), output);
  },
});
