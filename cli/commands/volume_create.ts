/**
 * `volume create`.
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

/** Makes an empty volume. */
export const volumeCreateCommand: Command = defineCommand({
  words: ["volume", "create"],
  usage: "NAME SIZE --store URL [--state DIR] [--create] [--json]",
  summary: "Make a volume of zeros.",
  details: "--create    make the archive if it is missing",
  options: { ...ARCHIVE_OPTIONS, create: { type: "boolean" } },
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const { create = false, ...archive } = values;
    const [volume, size] = positionals;
    if (volume === undefined || size === undefined) {
      throw new UsageError(
        "Name the volume and its size: volume create NAME 64GiB --store URL",
      );
    }
    const blockCount = parseVolumeSize(size) / BLOCK_SIZE;
    await changeVolume(
      { ...archiveChoice(archive), create },
      { name: "volume create", request: { volume, blockCount } },
      output,
      (made) => `Volume ${made.volume} (${sizeOf(made)})`,
    );
    return ExitStatus.Done;
  },
});
