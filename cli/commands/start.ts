/**
 * `start`: the embedded default, for a first look. One disk, in a folder made
 * on first use, and what to type on a client.
 *
 * @module
 */

import { type Command, defineCommand } from "../command.ts";
import { serve } from "../serving/serve.ts";
import { parseTargetOption } from "../options/target_option.ts";

const STORE = "file:./archive";
const TARGET = "1.0=disk:1GiB";

/** Serves target 1.0 on an interface. */
export const startCommand: Command = defineCommand({
  words: ["start"],
  usage: "[IF]",
  summary: "Serve a 1 GiB disk from ./archive on lo, or on another interface.",
  options: {},
  positionalCountMax: 1,
  run({ positionals, output }): Promise<number> {
    const interfaceName = positionals[0] ?? "lo";
    for (const line of instructions(interfaceName)) output.line(line);
    return serve({
      interfaces: [interfaceName],
      store: STORE,
      create: true,
      json: false,
      targets: [parseTargetOption(TARGET)],
    }, output);
  },
});

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
