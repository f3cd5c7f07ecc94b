/**
 * `history`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { showHistory } from "../verbs/history.ts";
import { UsageError } from "../usage_error.ts";

/** Lists every state of a volume. */
export const historyCommand: Command = defineCommand({
  words: ["history"],
  usage: "VOLUME [--limit COUNT] --store URL [--state DIR] [--json]",
  summary: "List the states of a volume, newest first.",
  details:
    `Every checkpoint is a state, and every state is kept. WRITTEN is what was
written of this volume since the state before, NEW the part of it that the archive
did not have, PACKED the bytes of the packs this took, for all volumes together.
Serve a state as VOLUME@TIME or root:HASH.`,
  options: { ...ARCHIVE_OPTIONS, limit: { type: "string" } },
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const { limit, ...archive } = values;
    const [volume] = positionals;
    if (volume === undefined) {
      throw new UsageError("Name the volume: history VOLUME --store URL");
    }
    const countMax = limit === undefined ? Infinity : parseLimit(limit);
    const choice = archiveChoice(archive);
    return await showHistory(choice, volume, countMax, output);
  },
});

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new UsageError(`--limit takes a number above 0, not "${text}"`);
}
