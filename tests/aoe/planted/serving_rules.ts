import { patch, type PlantedSection } from "./section.ts";

const CONFIG = "aoe/config_responder.ts";
const FRAME_POOL = "aoe/frame_pool.ts";
const OPTIONS = "aoe/target_options.ts";
const RESPONDER = "aoe/ata_responder.ts";
const SERVER = "aoe/server.ts";
const TARGET = "aoe/target.ts";
const UNIT = "aoe/ata_unit.ts";
const RESPONSE_CHECK =
  `  if ((frame[HeaderOffset.VersionFlags]! & AoeFlag.Response) !== 0) {
    return false;
  }`;

/** Who is answered, and what else a server owes; see initiator_rules.ts. */
export const SERVING_RULES: PlantedSection = {
  heading: "What initiators need beyond the specification",
  rules: {
    "responses are never answered": [
      patch(SERVER, RESPONSE_CHECK, ""),
      patch(
        "aoe/link/pcap_capture.ts",
        `calls.pcap_set_protocol_linux?.(handle, ETHERTYPE_AOE);
    checkActivated(calls, name, handle);
    check(calls, name, handle, {
      step: "pcap_setnonblock",
      result: calls.pcap_setnonblock(handle, 1, text),
    });
    check(calls, name, handle, {
      step: "pcap_setdirection",
      result: calls.pcap_setdirection(handle, structs.PCAP_D_IN),
    });`,
        `checkActivated(calls, name, handle);
    check(calls, name, handle, {
      step: "pcap_setnonblock",
      result: calls.pcap_setnonblock(handle, 1, text),
    });`,
      ),
    ],
    "requests from a group address are not answered (our own rule)": [
      patch(
        SERVER,
        "  if ((frame[HeaderOffset.Source]! & MAC_GROUP_BIT) !== 0) return false;\n",
        "",
      ),
    ],
    "setting the string, mask or reservation that is there succeeds": [
      patch(
        CONFIG,
        "if (!isEqual && current.length > 0) return",
        "if (current.length > 0) return",
      ),
      patch(
        CONFIG,
        "    if (!isEqual) {\n      this.#state",
        "    {\n      this.#state",
      ),
      patch(
        "aoe/reserve_responder.ts",
        "if (!equalLists(next, this.#state.reservation)) {",
        "{",
      ),
      patch(
        "aoe/mask_responder.ts",
        "changed ||= mask.size !== before;",
        "changed ||= mask.size >= before;",
      ),
    ],
    "shelf 0xffff and slot 0xff are no addresses of a target": [
      patch(OPTIONS, "0, SHELF_BROADCAST - 1);", "0, SHELF_BROADCAST);"),
      patch(OPTIONS, "0, SLOT_BROADCAST - 1);", "0, SLOT_BROADCAST);"),
      patch("cli/options/target_option.ts", "shelf > 0xfffe", "shelf > 0xffff"),
    ],
    "addresses that initiators ignore or mistake are warned of": [
      patch(
        "cli/options/target_option.ts",
        "} else if (slot >= 10) {",
        "} else if (slot > 10) {",
      ),
      patch(
        "cli/options/target_option.ts",
        "if (shelf === 0xfff) {",
        "if (shelf === 0xffff) {",
      ),
      patch(
        "cli/options/target_option.ts",
        "if (slot >= 16) {",
        "if (slot > 16) {",
      ),
    ],
    "another server with one of our addresses is noticed": [
      patch(
        SERVER,
        "if (!isOurs) this.#conflicts",
        "if (false) this.#conflicts",
      ),
      patch(
        "aoe/conflict_watch.ts",
        "REPORT_INTERVAL_MS = 60_000;",
        "REPORT_INTERVAL_MS = 30_000;",
      ),
      patch(SERVER, "if (!isOurs) this.#conflicts", "this.#conflicts"),
    ],
    "the MTU is followed while serving": [
      patch(
        "cli/serving/interface_change.ts",
        "    one.mtu === other.mtu && isSameMac(one, other);",
        "    isSameMac(one, other);",
      ),
      patch(
        SERVER,
        "    advertiseOn(port, this.#targets);\n    this.#loopCount++;",
        "    this.#loopCount++;",
      ),
      patch(
        "aoe/ata_reads.ts",
        "sectorCount <= port.sectorCountPromised &&",
        "sectorCount < 0 &&",
      ),
    ],
    "a disk that grows is advertised": [
      patch(
        SERVER,
        "for (const port of this.#ports) advertiseOn(port, targets);",
        "void targets;",
      ),
      patch(
        UNIT,
        "      sectorCount: device.sectorCount,\n",
        "      sectorCount: (this as any).size ??= 1024,\n",
      ),
    ],
    "lost frames are told": [
      patch(
        "aoe/drop_watch.ts",
        "if (now - this.#lookedAt < REPORT_INTERVAL_MS) return;",
        "",
      ),
      patch(
        "aoe/drop_watch.ts",
        "const lost = link.statistics.framesDropped;",
        "const lost = 0;",
      ),
    ],
    "one host cannot keep others from being served": [
      patch(
        "aoe/port_loop.ts",
        "FRAMES_BEFORE_SORTING = 256;",
        "FRAMES_BEFORE_SORTING = 2 ** 30;",
      ),
      patch(
        FRAME_POOL,
        "if (lent >= this.#countMax - this.borrowedCount) return undefined;",
        "if (this.borrowedCount >= this.#countMax) return undefined;",
      ),
    ],
    "a fixed list of hosts, beside the mask": [
      patch(
        TARGET,
        "return (this.#allow.size === 0 || this.#allow.has(bytes, offset)) &&",
        "return (this.#allow.size >= 0) &&",
      ),
    ],
    "no frame, however made, ends the server or disturbs another host": [
      patch(
        RESPONDER,
        "if (lba + sectorCount > this.#settings.device.sectorCount) {",
        "if (lba + sectorCount > 2 ** 47) {",
      ),
      patch(
        "aoe/response_buffer.ts",
        "RESPONSE_LENGTH_MAX: number = maskFrameLength(0xff);",
        "RESPONSE_LENGTH_MAX: number = 600;",
      ),
    ],
  },
};
