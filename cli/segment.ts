/**
 * Ethernet segments as a client sees them: an initiator on each interface.
 *
 * @module
 */

import type { ExchangeOptions } from "../aoe/initiator/exchange.ts";
import { Initiator } from "../aoe/initiator/initiator.ts";
import { listInterfaces, PcapLink } from "../aoe/link/pcap.ts";
import { LinkError } from "../aoe/link/pcap_error.ts";

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
