/**
 * `snapshot create`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { createSnapshot } from "../verbs/snapshots.ts";
import { isHead, parseState, parseTime } from "../options/state_reference.ts";
import { UsageError } from "../usage_error.ts";

/** Names the present state of a volume. */
export const snapshotCreateCommand: Command = defineCommand({
  words: ["snapshot", "create"],
  usage: "VOLUME NAME [--at TIME] --store URL [--state DIR] [--json]",
  summary: "Name the present state of a volume, also while it is served.",
  details:
    `--at TIME    name its newest state not after TIME, such as 2027-03-01T09:30:00Z

In the place of VOLUME also a state, as VOLUME@SNAPSHOT, VOLUME@TIME or root:HASH.`,
  options: { ...ARCHIVE_OPTIONS, at: { type: "string" } },
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const { at, ...archive } = values;
    const [volume, name] = positionals;
    if (volume === undefined || name === undefined) {
      throw new UsageError(
        "Name the volume and the snapshot: snapshot create VOLUME NAME --store URL",
      );
    }
    const named = parseState(volume);
    if (at !== undefined && !isHead(named)) {
      throw new UsageError(
        `"${volume}" is one state already: leave out --at, or write the volume alone`,
      );
    }
    const state = at === undefined ? named : { ...named, atMs: parseTime(at) };
    await createSnapshot(archiveChoice(archive), { state, name }, output);
    return ExitStatus.Done;
  },
});
