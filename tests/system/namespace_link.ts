/** Opens links inside a network namespace from a process outside of it. */

import { PcapLink } from "../../aoe/link/pcap.ts";
import { withinNamespace } from "../../setup/services/namespace.ts";

/** A link on `device` of the namespace `name`. */
export function openLinkWithin(name: string, device: string): PcapLink {
  return withinNamespace(name, () => new PcapLink(device));
}
