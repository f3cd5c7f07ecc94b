/**
 * `volume list`.
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
import { listVolumes } from "../verbs/volumes.ts";

/** Lists volumes with size, time and root hash. */
export const volumeListCommand: Command = defineCommand({
  words: ["volume", "list"],
  usage: "[--retired] --store URL [--state DIR] [--json]",
  summary: "List volumes, or the retired ones.",
  options: { ...ARCHIVE_OPTIONS, retired: { type: "boolean" } },
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    const { retired = false, ...archive } = values;
    await listVolumes(archiveChoice(archive), retired, output);
    return ExitStatus.Done;
  },
});
