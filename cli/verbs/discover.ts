/**
 * `discover`: every target on the segments that this machine reaches.
 *
 * @module
 */

import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { formatMac } from "../../aoe/header.ts";
import {
  AoeError,
  AtaError,
  TimeoutError,
} from "../../aoe/initiator/errors.ts";
import type { Initiator } from "../../aoe/initiator/initiator.ts";
import type { DiscoveredTarget } from "../../aoe/initiator/remote_target.ts";
import type { Output } from "../output/output.ts";
import { openSegments, type Segment } from "./segment.ts";
import { formatSize } from "../output/size.ts";
import { formatTable } from "../output/table.ts";

/** A target that answered; can be written as JSON. */
export interface FoundTarget {
  /** Its address, such as "1.0". */
  readonly target: string;
  /** Address of the host that serves it. */
  readonly mac: string;
  /** The interface through which it is reached. */
  readonly interface: string;
  /** Its size; absent when it does not tell, for example to this host. */
  readonly sizeBytes?: number;
  /** Model. */
  readonly model?: string;
  /** Serial number. */
  readonly serial?: string;
  /** Config string, where it is text. */
  readonly config: string;
  /** Hosts that it is reserved for; absent where it does not know reservations. */
  readonly reservation?: readonly string[];
}

/** How long a target may take to answer. */
const DEADLINE_MS = 1500;

/** Finds targets and shows them. */
export async function discover(
  interfaces: readonly string[] | undefined,
  output: Output,
): Promise<void> {
  using segments = openSegments(interfaces, { deadlineMs: DEADLINE_MS });
  const found = (await Promise.all(segments.all.map(discoverOn))).flat();
  for (const target of found) output.result(target);
  if (found.length === 0) {
    const names = segments.all.map(({ interfaceName }) => interfaceName);
    output.line(`No target answers on ${names.join(", ")}`);
    return;
  }
  for (const line of formatTable([HEADS, ...found.map(row)])) output.line(line);
}

const HEADS = [
  "TARGET",
  "MAC",
  "INTERFACE",
  "SIZE",
  "MODEL",
  "SERIAL",
  "CONFIG",
  "RESERVED FOR",
];

async function discoverOn(
  { interfaceName, initiator }: Segment,
): Promise<FoundTarget[]> {
  const targets = await initiator.discover();
  const found: FoundTarget[] = [];
  for (const target of targets) {
    const { shelf, slot, mac, config } = target;
    found.push({
      target: `${shelf}.${slot}`,
      mac: formatMac(mac),
      interface: interfaceName,
      config: new TextDecoder().decode(config.configString),
      ...await askMore(initiator, target),
    });
  }
  return found;
}

type More = Pick<FoundTarget, "sizeBytes" | "model" | "serial" | "reservation">;

/** What a target tells only when it is asked, as far as it answers. */
async function askMore(
  initiator: Initiator,
  address: DiscoveredTarget,
): Promise<More> {
  const target = initiator.use(address);
  const identity = await answerOf(target.identify());
  const reservation = await answerOf(target.reservation());
  return {
    ...(identity === undefined ? {} : {
      sizeBytes: identity.sectorCount * SECTOR_SIZE,
      model: identity.model,
      serial: identity.serial,
    }),
    ...(reservation === undefined
      ? {}
      : { reservation: reservation.map(formatMac) }),
  };
}

/** Undefined when the target refuses or is silent: neither says that it is not there. */
async function answerOf<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (
      error instanceof AoeError || error instanceof AtaError ||
      error instanceof TimeoutError
    ) return undefined;
    throw error;
  }
}

function row(found: FoundTarget): string[] {
  const { sizeBytes, model, serial, config, reservation } = found;
  return [
    found.target,
    found.mac,
    found.interface,
    sizeBytes === undefined ? "?" : formatSize(sizeBytes),
    model ?? "?",
    serial ?? "?",
    config === "" ? "-" : config,
    reservation === undefined || reservation.length === 0
      ? "-"
      : reservation.join(","),
  ].map(printable);
}

/** Anybody on the segment chooses these texts: none may steer a terminal. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
