/**
 * `bench`.
 *
 * @module
 */

import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { bench, OUTSTANDING_MAX } from "../verbs/bench.ts";
import { type Command, defineCommand } from "../command.ts";
import { parseCount } from "../options/count_option.ts";
import { parseSize } from "../output/size.ts";
import { parseAddress } from "../options/target_option.ts";
import { UsageError } from "../usage_error.ts";

const REQUEST_BYTES_DEFAULT = 4096;
const REQUEST_BYTES_MAX: number = 16 * 1024 * 1024;
const OUTSTANDING_DEFAULT = 16;
const SECONDS_DEFAULT = 10;
const SECONDS_MAX = 86_400;

/** Puts load on a target. */
export const benchCommand: Command = defineCommand({
  words: ["bench"],
  usage:
    "SHELF.SLOT [--write --destroy] [--random] [--size SIZE] [--outstanding N] [--seconds N] [--region SIZE] [--interface IF] [--json]",
  summary: "Measure how much a target of any AoE server does, and how fast.",
  details: `--write           write instead of reading; needs --destroy
--destroy         yes, overwrite what is on the disk
--random          anywhere in the region instead of one after the other
--size SIZE       of a request, a multiple of 512 bytes up to 16MiB; 4KiB if left
                  out. What does not fit a frame takes several
--outstanding N   requests on the way at any time, 1 to ${OUTSTANDING_MAX}; ${OUTSTANDING_DEFAULT} if left out
--seconds N       how long, ${SECONDS_DEFAULT} if left out
--region SIZE     touch only so much of the disk, from its start; all if left out
--interface IF    where to look; repeat it for several, leave it out for all
--json            the summary as a JSON object

The load comes from this machine's own initiator, which takes processor time as
well: where it is the slower one, it is what is measured. A target takes no more
frames at a time than its buffer count, 64 with this server's default. Writes
carry bytes that neither compress nor repeat.`,
  options: {
    write: { type: "boolean" },
    destroy: { type: "boolean" },
    random: { type: "boolean" },
    size: { type: "string" },
    outstanding: { type: "string" },
    seconds: { type: "string" },
    region: { type: "string" },
    interface: { type: "string", multiple: true },
    json: { type: "boolean" },
  },
  positionalCountMax: 1,
  run({ values, positionals, output }): Promise<number> {
    const [address] = positionals;
    if (address === undefined) {
      throw new UsageError(
        "Name the target: bench SHELF.SLOT, such as bench 1.0",
      );
    }
    const isWrite = values.write === true;
    if (isWrite && values.destroy !== true) {
      throw new UsageError(
        `Writing overwrites what is on the disk of target ${address}: add --destroy if that is wanted`,
      );
    }
    if (!isWrite && values.destroy === true) {
      throw new UsageError(
        "Reading destroys nothing: add --write, or leave out --destroy",
      );
    }
    const { interface: interfaces, outstanding, seconds, region } = values;
    return bench({
      ...parseAddress(address),
      ...(interfaces === undefined ? {} : { interfaces }),
      kind: isWrite ? "write" : "read",
      order: values.random === true ? "random" : "sequential",
      requestBytes: values.size === undefined
        ? REQUEST_BYTES_DEFAULT
        : parseBytes("--size", values.size, REQUEST_BYTES_MAX),
      outstanding: outstanding === undefined
        ? OUTSTANDING_DEFAULT
        : parseCount("--outstanding", outstanding, OUTSTANDING_MAX),
      durationMs: 1000 *
        (seconds === undefined
          ? SECONDS_DEFAULT
          : parseCount("--seconds", seconds, SECONDS_MAX)),
      ...(region === undefined
        ? {}
        : { regionBytes: parseBytes("--region", region, Infinity) }),
    }, output);
  },
});

function parseBytes(option: string, text: string, max: number): number {
  const bytes = parseSize(text);
  if (
    bytes !== undefined && bytes >= SECTOR_SIZE && bytes <= max &&
    bytes % SECTOR_SIZE === 0
  ) return bytes;
  throw new UsageError(
    `${option} is a multiple of ${SECTOR_SIZE} bytes, such as 4KiB, not "${text}"`,
  );
}
