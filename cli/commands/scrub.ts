/**
 * `scrub`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { scrubArchive } from "../verbs/scrub.ts";
import { parseRate, parseSample } from "../options/scrub_option.ts";

/** Reads and verifies all bytes. */
export const scrubCommand: Command = defineCommand({
  words: ["scrub"],
  usage:
    "--store URL [--sample PERCENT%] [--rate SIZE] [--restart] [--state DIR] [--json]",
  summary: "Read and verify every byte of the archive.",
  details:
    `All packs with each of their blocks, all roots and all other blobs; beside a
running server, too. What is damaged is told by pack, block, volume and sector.
Interrupted, it goes on where it stood the next time. The exit status is 20 where
something is damaged; repair mends it from a copy.

--sample 5%      read so much of the packs, and others the next time: twenty
                 samples of 5% read every pack once
--rate 32MiB     read no more bytes a second; without it as fast as it goes
--restart        begin anew, whatever was done`,
  options: {
    ...ARCHIVE_OPTIONS,
    sample: { type: "string" },
    rate: { type: "string" },
    restart: { type: "boolean" },
  },
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    const { sample, rate, restart = false, ...archive } = values;
    return await scrubArchive(archiveChoice(archive), {
      samplePercent: sample === undefined ? 100 : parseSample(sample),
      restart,
      ...(rate === undefined ? {} : { bytesPerSecond: parseRate(rate) }),
    }, output);
  },
});
