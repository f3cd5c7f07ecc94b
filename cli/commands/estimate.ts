/**
 * `estimate`.
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
import { estimateFile } from "../verbs/transfers.ts";
import { UsageError } from "../usage_error.ts";

/** Tells what an image would cost. */
export const estimateCommand: Command = defineCommand({
  words: ["estimate"],
  usage: "FILE --store URL [--state DIR] [--json]",
  summary: "Tell what an image would take in this archive; writes nothing.",
  details:
    `Reads the whole image, a file or block device. Exact up to 1 GiB of distinct new
data; beyond, from a sample, within about 0.3 %.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const [path] = positionals;
    if (path === undefined) {
      throw new UsageError("Name the image: estimate FILE --store URL");
    }
    await estimateFile(archiveChoice(values), path, output);
    return ExitStatus.Done;
  },
});
