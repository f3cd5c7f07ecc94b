/**
 * `target list`, `add`, `remove` and `grow`: through the control socket of the
 * running server.
 *
 * @module
 */

import { type Output } from "../output/output.ts";
import { askRunningServer, type ServerChoice } from "./running_server.ts";
import type {
  ClearedState,
  TargetDescription,
} from "../serving/served_targets.ts";
import { formatSize } from "../output/size.ts";
import { formatTable } from "../output/table.ts";
import { parseAddress, parseTargetOption } from "../options/target_option.ts";

/** Shows what a server serves. */
export async function listTargets(
  server: ServerChoice,
  output: Output,
): Promise<void> {
  const targets = await askRunningServer(server, {
    verb: "target list",
  }) as TargetDescription[];
  for (const line of formatTable([HEADS, ...targets.map(row)])) {
    output.line(line);
  }
  for (const target of targets) output.result(target);
}

/** Has a server serve one more target: `text` is what `--target` takes. */
export async function addTarget(
  server: ServerChoice,
  text: string,
  create: boolean,
  output: Output,
): Promise<void> {
  // Refused here rather than there, and a relative path is relative to here.
  const { path } = parseTargetOption(text);
  const target = path === undefined || path.startsWith("/")
    ? text
    : text.replace("=path:", `=path:${Deno.cwd()}/`);
  const added = await askRunningServer(server, {
    verb: "target add",
    target,
    create,
  }) as TargetDescription;
  tell("Serving", added, output);
}

/** Has a server stop serving a target. */
export async function removeTarget(
  server: ServerChoice,
  address: string,
  output: Output,
): Promise<void> {
  parseAddress(address);
  const removed = await askRunningServer(server, {
    verb: "target remove",
    target: address,
  }) as TargetDescription;
  tell("No longer serving", removed, output);
}

/** Has a server make a target's disk larger; without a size, look how large it is now. */
export async function growTarget(
  server: ServerChoice,
  address: string,
  size: string | undefined,
  output: Output,
): Promise<void> {
  parseAddress(address);
  const grown = await askRunningServer(server, {
    verb: "target grow",
    target: address,
    ...(size === undefined ? {} : { size }),
  }) as TargetDescription;
  tell("Serving", grown, output);
}

/** Has a server forget what clients left behind in a target. */
export async function clearTarget(
  server: ServerChoice,
  address: string,
  what: ClearedState,
  output: Output,
): Promise<void> {
  parseAddress(address);
  const cleared = await askRunningServer(server, {
    verb: "target clear",
    target: address,
    ...what,
  }) as TargetDescription;
  tell("Serving", cleared, output);
}

function tell(
  what: string,
  target: TargetDescription,
  output: Output,
): void {
  output.line(
    `${what} ${target.disk} (${
      formatSize(target.sizeBytes)
    }) as target ${target.target}`,
  );
  output.result(target);
}

const HEADS = [
  "TARGET",
  "DISK",
  "SIZE",
  "ACCESS",
  "SERIAL",
  "CONFIG",
  "ALLOWED",
  "MASK",
  "RESERVED FOR",
];

function row(target: TargetDescription): string[] {
  return [
    target.target,
    target.disk,
    formatSize(target.sizeBytes),
    target.readOnly ? "read-only" : "writable",
    target.serial,
    target.config === "" ? "-" : JSON.stringify(target.config),
    listed(target.allow),
    listed(target.mask),
    listed(target.reservation),
  ];
}

function listed(macs: readonly string[]): string {
  return macs.length === 0 ? "-" : macs.join(",");
}
