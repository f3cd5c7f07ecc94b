/**
 * Whether an interface is still the one that a link was opened on.
 *
 * @module
 */

import { formatMac } from "../../aoe/header.ts";
import type { InterfaceFacts } from "../../aoe/link/pcap_interface.ts";

/** Whether a link that was opened on the one is good for the other. */
export function isSameInterface(
  one: InterfaceFacts,
  other: InterfaceFacts | undefined,
): boolean {
  return other !== undefined && one.index === other.index &&
    one.mtu === other.mtu && isSameMac(one, other);
}

/** What of an interface changed, for people. */
export function interfaceDifferences(
  before: InterfaceFacts | undefined,
  now: InterfaceFacts,
): string {
  if (before === undefined || before.index !== now.index) {
    return "it was removed and made anew";
  }
  const words: string[] = [];
  if (before.mtu !== now.mtu) words.push(`MTU ${before.mtu} became ${now.mtu}`);
  if (!isSameMac(before, now)) {
    words.push(`address ${formatMac(before.mac)} became ${formatMac(now.mac)}`);
  }
  return words.join(", ");
}

function isSameMac(one: InterfaceFacts, other: InterfaceFacts): boolean {
  return one.mac.every((byte, index) => byte === other.mac[index]);
}
