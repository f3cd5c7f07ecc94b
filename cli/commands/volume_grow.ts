/**
 * `volume grow`.
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
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { parseVolumeSize } from "../output/size.ts";
import { changeVolume, sizeOf } from "../verbs/volumes.ts";
import { UsageError } from "../usage_error.ts";

/** Makes a volume larger. */
export const volumeGrowCommand: Command = defineCommand({
  words: ["volume", "grow"],
  usage: "NAME SIZE --store URL [--state DIR] [--json]",
  summary: "Make a volume larger, up to SIZE; the new part is zeros.",
  details:
    `A disk of it that is served grows at once; clients see it when they look again
(Linux: aoe-revalidate). States of before keep the old size. A volume never shrinks.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const [volume, size] = positionals;
    if (volume === undefined || size === undefined) {
      throw new UsageError(
        "Name the volume and its new size: volume grow NAME 128GiB --store URL",
      );
    }
    const blockCount = parseVolumeSize(size) / BLOCK_SIZE;
    await changeVolume(
      archiveChoice(values),
      { name: "volume grow", request: { volume, blockCount } },
      output,
      (grown) => `Volume ${grown.volume} has ${sizeOf(grown)}`,
    );
    return ExitStatus.Done;
  },
});
