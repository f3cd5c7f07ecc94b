/**
 * `start`: the embedded default, for a first look. One disk, in a folder made
 * on first use, and what to type on a client.
 *
 * @module
 */

import type { Output } from "./output.ts";
import { serve } from "./serve.ts";
import { parseTargetOption } from "./target_option.ts";

const STORE = "file:./archive";
const TARGET = "1.0=disk:1GiB";

/** Serves target 1.0 on the interface; the exit status. */
export async function start(
  interfaceName: string,
  output: Output,
): Promise<number> {
  for (const line of instructions(interfaceName)) output.line(line);
  return await serve({
    interfaces: [interfaceName],
    store: STORE,
    create: true,
    json: false,
    targets: [parseTargetOption(TARGET)],
  }, output);
}

function instructions(interfaceName: string): string[] {
  const where = interfaceName === "lo"
    ? "on this machine (give an interface to serve others: deno task start -- eth1)"
    : `on a machine on the same Ethernet segment as ${interfaceName}`;
  return [
    `Once it serves, type ${where}, as root:`,
    "",
    "  modprobe aoe",
    "  aoe-discover                  # or: echo > /dev/etherd/discover",
    "  mkfs.ext4 /dev/etherd/e1.0    # the first time",
    "  mount /dev/etherd/e1.0 /mnt",
    "",
    `The disk is kept in ${
      STORE.slice("file:".length)
    }. Snapshots: deno run -A main.ts snapshot create disk NAME --store ${STORE}`,
    "Ctrl-C stops it; a mounted client waits for three minutes for it to return.",
    "",
  ];
}
