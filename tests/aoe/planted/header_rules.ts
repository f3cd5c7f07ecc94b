import { patch, type PlantedSection } from "./section.ts";

const REPLY = "aoe/reply.ts";
const TARGET = "aoe/target.ts";
const SERVER = "aoe/server.ts";

export const HEADER_RULES: PlantedSection = {
  heading: "Header (AoEr11 section 2)",
  rules: {
    "all fields are big-endian": [
      patch(
        "aoe/bytes.ts",
        `bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;`,
        `bytes[offset + 1] = value >>> 8;
  bytes[offset] = value;`,
      ),
    ],
    "reserved fields are zero when sent": [
      patch(
        "aoe/ata_responder.ts",
        `reply[AtaOffset.Reserved] = 0;
    reply[AtaOffset.Reserved + 1] = 0;`,
        "",
      ),
      patch(
        REPLY,
        `reply[HeaderOffset.VersionFlags] = AOE_VERSION << 4 | AoeFlag.Response;
  reply[HeaderOffset.Error] = 0;`,
        `reply[HeaderOffset.VersionFlags] |= AoeFlag.Response;
  reply[HeaderOffset.Error] = 0;`,
      ),
      // One that looks at the reserved flags of a request.
      patch(
        TARGET,
        "frame[HeaderOffset.VersionFlags]! >>> 4 !== AOE_VERSION",
        "frame[HeaderOffset.VersionFlags]! !== AOE_VERSION << 4",
      ),
    ],
    "ethertype 0x88a2": [
      patch(
        SERVER,
        `length >= HEADER_LENGTH &&
    readUint16(frame, HeaderOffset.EtherType) === AOE_ETHERTYPE`,
        "length >= HEADER_LENGTH",
      ),
    ],
    "the high nibble is the version, 1": [
      patch(
        TARGET,
        `      version: AOE_VERSION,
      flags: AoeFlag.Response,`,
        `      version: 0,
      flags: AoeFlag.Response,`,
      ),
      patch(
        "aoe/header.ts",
        "header.version << 4 | header.flags;",
        "header.flags << 4 | header.version;",
      ),
    ],
    "a version that is not supported is error 5": [
      patch(
        TARGET,
        "frame[HeaderOffset.VersionFlags]! >>> 4 !== AOE_VERSION",
        "false",
      ),
      patch(
        REPLY,
        `reply[HeaderOffset.VersionFlags] = AOE_VERSION << 4 | AoeFlag.Response |
    AoeFlag.Error;`,
        "reply[HeaderOffset.VersionFlags]! |= AoeFlag.Error;\n" +
          "  reply[HeaderOffset.VersionFlags]! ^= 0x30;",
      ),
    ],
    "R marks responses": [
      patch(
        SERVER,
        `  if ((frame[HeaderOffset.VersionFlags]! & AoeFlag.Response) !== 0) {
    return false;
  }`,
        "",
      ),
      patch(
        REPLY,
        "AOE_VERSION << 4 | AoeFlag.Response;",
        "AOE_VERSION << 4;",
      ),
    ],
    "E marks errors, with a code": [
      patch("aoe/header.ts", "Error: 0x04,", "Error: 0x02,"),
      patch(REPLY, "reply[HeaderOffset.Error] = code;", ""),
      patch(
        "aoe/header.ts",
        `VersionFlags: 14,
  /** Error code, meaningful with the error flag only. */
  Error: 15,`,
        `VersionFlags: 15,
  /** Error code, meaningful with the error flag only. */
  Error: 14,`,
      ),
    ],
    "error 1 for unknown commands": [
      patch(
        TARGET,
        "AoeErrorCode.UnrecognizedCommand",
        "AoeErrorCode.BadArgument",
      ),
    ],
    "error 2 for bad arguments": [
      patch(
        "aoe/config_responder.ts",
        `      default:
        return "bad";`,
        `      default:
        return "answer";`,
      ),
      patch(
        TARGET,
        `    if (length < ATA_DATA_OFFSET) {
      return this.#refuse(port, frame, AoeErrorCode.BadArgument);
    }`,
        "",
      ),
    ],
    "error 3 when the device is not available": [
      patch(
        "aoe/pending_replies.ts",
        "frame[AtaOffset.CommandStatus] = AtaStatus.Failed;",
        "frame.set([0x1c, 3], 14);",
      ),
    ],
    "a frame for another major and minor is ignored silently": [
      patch(
        SERVER,
        `if (target === undefined) this.#statistics.unroutedRequests++;
      else target.handle(port, frame, length);`,
        `if (target === undefined) this.#statistics.unroutedRequests++;
      (target ?? this.#targets[0]!).handle(port, frame, length);`,
      ),
    ],
    "major 0xffff and minor 0xff stand for all, each on its own": [
      patch(
        SERVER,
        "if (shelf !== SHELF_BROADCAST && slot !== SLOT_BROADCAST) {",
        "if (shelf !== SHELF_BROADCAST || slot !== SLOT_BROADCAST) {",
      ),
      patch(
        SERVER,
        "    for (const target of this.#targets) {\n      if (shelf",
        "    if (frame[HeaderOffset.Command] !== 1) return;\n" +
          "    for (const target of this.#targets) {\n      if (shelf",
      ),
    ],
    "responses carry the server's own major and minor": [
      patch(
        REPLY,
        "writeUint16(reply, HeaderOffset.Shelf, address.shelf);",
        "",
      ),
      patch(REPLY, "reply[HeaderOffset.Slot] = address.slot;", ""),
      patch(
        REPLY,
        "copyBytes(mac, 0, reply, HeaderOffset.Source, MAC_LENGTH);",
        "copyBytes(request, 0, reply, HeaderOffset.Source, MAC_LENGTH);",
      ),
    ],
    "the tag is returned as it came": [
      patch(
        REPLY,
        "  reply[HeaderOffset.Error] = 0;\n",
        "  reply[HeaderOffset.Error] = 0;\n" +
          "  reply[HeaderOffset.Tag]! &= 0x7f;\n",
      ),
    ],
    "messages are unique and may be lost, repeated or overtaken (section 1)": [
      // A server that takes a repetition for one whose answer has arrived.
      patch(
        TARGET,
        "    this.#statistics.frames++;\n",
        `    this.#statistics.frames++;
    const seen: Set<string> = (port as any).seen ??= new Set();
    const request = frame.subarray(0, 36).join();
    if (seen.has(request)) return;
    seen.add(request);
`,
      ),
    ],
  },
};
