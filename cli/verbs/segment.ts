/**
 * Ethernet segments as a client sees them: an initiator on each interface.
 *
 * @module
 */

import type { ExchangeOptions } from "../../aoe/initiator/exchange.ts";
import { TimeoutError } from "../../aoe/initiator/errors.ts";
import { Initiator } from "../../aoe/initiator/initiator.ts";
import { PcapLink } from "../../aoe/link/pcap.ts";
import { listInterfaces } from "../../aoe/link/pcap_watch.ts";
import { LinkError } from "../../aoe/link/pcap_error.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import type { TargetAddress } from "../../aoe/reply.ts";
import type { ArchiveEvent } from "../../cas/events.ts";

/** An initiator on an interface. */
export interface Segment {
  /** The interface. */
  readonly interfaceName: string;
  /** Finds targets there. */
  readonly initiator: Initiator;
}

/** Open segments; disposing closes them. */
export interface Segments extends Disposable {
  /** One for each interface. */
  readonly all: readonly Segment[];
}

/**
 * Opens the interfaces named, or all that can be opened when none is. Throws a
 * `LinkError` when one that was named cannot, or none at all can.
 */
export function openSegments(
  names: readonly string[] | undefined,
  options: ExchangeOptions,
): Segments {
  const all: Segment[] = [];
  const close = (): void => {
    for (const { initiator } of all) initiator.close();
  };
  let refusal: LinkError | undefined;
  for (const interfaceName of names ?? listInterfaces()) {
    try {
      const link = new PcapLink(interfaceName);
      all.push({ interfaceName, initiator: new Initiator(link, options) });
    } catch (error) {
      if (names === undefined && error instanceof LinkError) {
        refusal ??= error;
        continue;
      }
      close();
      throw error;
    }
  }
  if (all.length === 0 && refusal !== undefined) throw refusal;
  return { all, [Symbol.dispose]: close };
}

/** A target and where it was found. */
export interface FoundOnSegment {
  /** The interface through which it is reached. */
  readonly interfaceName: string;
  /** The target. */
  readonly target: RemoteTarget;
}

/** How long to wait for an answer when nothing is repeated. */
const DEADLINE_MS = 1000;

/** Each request is sent once, so that one that is lost is seen as one. */
export const SEARCH_OPTIONS: Required<Omit<ExchangeOptions, "clock">> = {
  windowMax: 1,
  deadlineMs: DEADLINE_MS,
  retransmitMinMs: DEADLINE_MS,
  retransmitMaxMs: 2 * DEADLINE_MS,
};

/** Requests that look for the target before it counts as missing. */
const FIND_TRIES = 3;

/**
 * The target on the first interface where it answers; undefined when it does
 * not. The segments are those of `SEARCH_OPTIONS`.
 */
export async function findTarget(
  segments: Segments,
  { shelf, slot }: TargetAddress,
): Promise<FoundOnSegment | undefined> {
  for (let attempt = 0; attempt < FIND_TRIES; attempt++) {
    const found = await Promise.all(
      segments.all.map(async ({ interfaceName, initiator }) => {
        const target = await unlessSilent(initiator.attach({ shelf, slot }));
        return target && { interfaceName, target };
      }),
    );
    const first = found.find((it) => it !== undefined);
    if (first !== undefined) return first;
  }
  return undefined;
}

/** Says that a target was not found. */
export function noAnswer(
  segments: Segments,
  { shelf, slot }: TargetAddress,
): ArchiveEvent {
  const target = `${shelf}.${slot}`;
  const names = segments.all.map(({ interfaceName }) => interfaceName);
  return {
    event: "no-answer",
    severity: "strange",
    message: `Target ${target} does not answer on ${names.join(", ")}`,
    target,
  };
}

/** An answer, or undefined when none came in time. */
export async function unlessSilent<T>(
  answer: Promise<T>,
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof TimeoutError) return undefined;
    throw error;
  }
}
