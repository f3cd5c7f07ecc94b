/**
 * `serve`.
 *
 * @module
 */

import { ARCHIVE_OPTIONS, type Command, defineCommand } from "../command.ts";
import { standardOutput } from "../output.ts";
import { serve } from "../serve.ts";
import { configText, serveOptions } from "../serve_options.ts";

/** Serves disks until it is told to stop. */
export const serveCommand: Command = defineCommand({
  words: ["serve"],
  usage:
    "--interface IF --store URL --target SHELF.SLOT=DISK [--state DIR] [--create] [--json] | --config FILE",
  summary: "Serve disks of an archive over ATA over Ethernet.",
  details:
    `--interface IF    network interface to serve on; repeat it for several
--store URL       where the archive lives: file:PATH or memory:
--target A=DISK   a disk to serve at address A = SHELF.SLOT; repeat it for several
--state DIR       folder of the journal, the index and caches
                  (for a file: store the default is local/ inside it)
--create          make the archive, and volumes with a SIZE, if missing
--config FILE     read the same from a TOML file; flags replace what it says
--plugin S=MODULE#sha256=HASH
                  allow the plugin MODULE for URLs of scheme S; repeat it for
                  several (see: help plugin add)
--json            print every event as one JSON object a line on stdout

DISK is one of
  VOLUME            the head of a volume
  VOLUME:SIZE       the same; made with this size if missing and --create is given
  VOLUME@SNAPSHOT   a snapshot, read-only
  root:HASH         the state with this root hash, read-only

SIZE is a multiple of 4096 bytes such as 512MiB, 64GiB, 2TiB.`,
  options: {
    ...ARCHIVE_OPTIONS,
    interface: { type: "string", multiple: true },
    target: { type: "string", multiple: true },
    create: { type: "boolean" },
  },
  positionalCountMax: 0,
  async run({ values }): Promise<number> {
    const { config, ...flags } = values;
    const file = config === undefined
      ? undefined
      : { path: config, text: configText(config) };
    const options = serveOptions(flags, file);
    // The file may ask for JSON too.
    return await serve(options, standardOutput(options.json));
  },
});
