/**
 * `serve`.
 *
 * @module
 */

import { ARCHIVE_OPTIONS, type Command, defineCommand } from "../command.ts";
import { standardOutput } from "../output/output.ts";
import { serve } from "../serving/serve.ts";
import { configText, serveOptions } from "../options/serve_options.ts";

const DETAILS: string =
  `--interface IF    network interface to serve on, with or without an IP address,
                  or a pattern such as 'eth*'; repeat it for several. One that
                  is missing is used when it appears
--store URL       where the archive lives: file:PATH, memory:, s3://BUCKET/PREFIX,
                  azure://ACCOUNT/CONTAINER/PREFIX, to read https://HOST/PATH,
                  or several as one: 'mirror:URL URL' (docs/stores.md); needed for
                  volumes, snapshots and roots
--target A=DISK   a disk to serve at address A = SHELF.SLOT; repeat it for several
--state DIR       folder of the journal, the index and caches
                  (for a file: store the default is local/ inside it)
--schedule V=EVERY[,keep=N]
                  make a snapshot of volume V every 30m, 1h, 1d, ..., and keep the
                  newest N names on the list; repeat it for several
--scrub EVERY[,sample=5%][,rate=32MiB]
                  read and verify all bytes, or a sample, so often, such as 7d,
                  at most so many bytes a second (32MiB); stats tells the result
--create          make the archive, and disks with a SIZE, if missing
--read-only       do not claim the archive, which another server may be writing:
                  its volumes are served as they are at the start, read-only
--follow          with --read-only: volumes move on to what the other server
                  writes; one that is mounted has to be mounted anew for that
--max-lag N       seconds by which the store may be behind what was acknowledged:
                  10, or 60 for file:. An event tells when it is more
--flush WHERE     what FLUSH of a client waits for: journal (the default), which
                  is on this machine's disk, or remote, the store
--memory SIZE     memory to take for index, caches and writes together, the program
                  included: a tenth of the machine's, at least 480MiB
--config FILE     read the same from a TOML file; flags replace what it says
--plugin S=MODULE#sha256=HASH
                  allow the plugin MODULE for URLs of scheme S; repeat it for
                  several (see: help plugin add)
--store-option NAME=VALUE
                  what the store may take; repeat it for several: concurrency=N
                  requests at once, upload=SIZE and download=SIZE bytes a second,
                  timeout=SECONDS for a request (120), cache=SIZE of the local
                  cache of its packs or cache=off (8GiB; file: has none) and
                  cache-dir=DIR for it; [store-options] in a file
--json            print every event as one JSON object a line on stdout

DISK is one of
  VOLUME            the head of a volume
  VOLUME:SIZE       the same; made with this size if missing and --create is given
  VOLUME@SNAPSHOT   a snapshot, read-only
  VOLUME@TIME       its newest state not after TIME, such as 2027-03-01T09:30:00Z,
                    read-only
  root:HASH         the state with this root hash, read-only
  path:FILE         a file or block device of this machine, as it is
  memory:SIZE       a disk in memory, gone when the server stops

OPTIONs follow DISK with commas between; in a file they are keys of [[target]]
  ro                refuse writes
  follow            as --follow, for this volume
  flush=WHERE       as --flush, for this volume
  clone=VOLUME      a past state as a writable disk of its own, kept as VOLUME;
                    made of it if missing and --create is given
  clone             a snapshot or root as a writable disk of its own, whose
                    changes are dropped when the server stops
  size=SIZE         the size of a volume or file to be made
  allow=MAC         only hosts with this address see it; repeat it for several
  buffers=N         requests a client may have outstanding, 2 to 65535 (64)
  sectors=N         most sectors of one request, 2 to 128 (16)
  serial=TEXT       serial number, up to 20 characters, instead of the disk's own
  config=TEXT       config string until a client sets another (aoecfg)

SIZE is a multiple of 4096 bytes such as 512MiB, 64GiB, 2TiB.`;

/** Serves disks until it is told to stop. */
export const serveCommand: Command = defineCommand({
  words: ["serve"],
  usage:
    "--interface IF --store URL --target SHELF.SLOT=DISK[,OPTION...] [--state DIR] [--create] [--json] | --config FILE",
  summary: "Serve disks of an archive over ATA over Ethernet.",
  details: DETAILS,
  options: {
    ...ARCHIVE_OPTIONS,
    interface: { type: "string", multiple: true },
    target: { type: "string", multiple: true },
    scrub: { type: "string" },
    schedule: { type: "string", multiple: true },
    create: { type: "boolean" },
    "read-only": { type: "boolean" },
    follow: { type: "boolean" },
    flush: { type: "string" },
    "max-lag": { type: "string" },
    memory: { type: "string" },
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
