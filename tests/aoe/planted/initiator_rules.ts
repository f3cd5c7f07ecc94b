import { patch, type PlantedSection } from "./section.ts";

const OPTIONS = "aoe/target_options.ts";
const PENDING = "aoe/pending_replies.ts";
const REPLY = "aoe/reply.ts";
const RESPONDER = "aoe/ata_responder.ts";
const SERVER = "aoe/server.ts";
const TARGET = "aoe/target.ts";
const UNIT = "aoe/ata_unit.ts";
const WRITES = "aoe/ata_writes.ts";
const WRITE_LENGTH =
  "this.readOnly || length < ataFrameLength(frame[AtaOffset.SectorCount]!)";

/** Frames and answers; the rest of the table stands in serving_rules.ts. */
export const INITIATOR_RULES: PlantedSection = {
  heading: "What initiators need beyond the specification",
  rules: {
    "a failed READ or WRITE is never an AoE error, and always has ERR": [
      patch("aoe/ata.ts", "Failed: 0x41,", "Failed: 0x60,"),
      patch(
        RESPONDER,
        "reply[AtaOffset.ErrorFeature] = errorBits;",
        "reply[AtaOffset.ErrorFeature] = errorBits;\n    reply[14] = 0x1c;",
      ),
      patch(
        PENDING,
        "frame[AtaOffset.ErrorFeature] = AtaErrorBit.Aborted;",
        "frame[14] = 0x1c;",
      ),
    ],
    "every frame is padded to 60 bytes": [
      patch(
        "aoe/link/frame_queue.ts",
        "if (length < FRAME_LENGTH_MIN) copy.fill(0, length, FRAME_LENGTH_MIN);",
        "",
      ),
      patch(
        "aoe/link/frame_queue.ts",
        "this.#lengths[at] = Math.max(length, FRAME_LENGTH_MIN);",
        "this.#lengths[at] = length;",
      ),
      patch(
        PENDING,
        "this.#ports[this.#head]!.send(frame, FRAME_LENGTH_MIN);",
        "this.#ports[this.#head]!.send(frame, 36);",
      ),
      patch(
        "aoe/link/pcap.ts",
        "if (length < FRAME_LENGTH_MIN) {",
        "if (length < 0) {",
      ),
    ],
    "a READ response has exactly 36 + 512 n bytes": [
      patch(
        "aoe/ata_reads.ts",
        "port.send(reply, ataFrameLength(sectorCount));",
        "port.send(reply, ataFrameLength(sectorCount + 1));",
      ),
    ],
    "payload that a request does not need is ignored": [
      patch(
        UNIT,
        "case AtaCommand.ReadExt:\n        return",
        "case AtaCommand.ReadExt:\n" +
          "        if (length > 60) return this.#responder.fail(port, frame, 4);\n" +
          "        return",
      ),
      patch(
        UNIT,
        "case AtaCommand.Identify:\n        return",
        "case AtaCommand.Identify:\n" +
          "        if (length > 60) return this.#responder.fail(port, frame, 4);\n" +
          "        return",
      ),
      patch(
        WRITES,
        WRITE_LENGTH,
        "this.readOnly || length !== ataFrameLength(frame[AtaOffset.SectorCount]!)",
      ),
      patch(
        "aoe/query_config.ts",
        "CONFIG_STRING_OFFSET + stringLength <= length;",
        "CONFIG_STRING_OFFSET + stringLength <= length &&\n" +
          "    length <= Math.max(60, CONFIG_STRING_OFFSET + stringLength);",
      ),
    ],
    "a WRITE with less payload than it announces changes nothing": [
      patch(WRITES, WRITE_LENGTH, "this.readOnly"),
    ],
    "broadcasts are answered for every command": [
      patch(
        SERVER,
        "    for (const target of this.#targets) {\n      if (shelf",
        "    if (frame[HeaderOffset.Command] !== 1) return;\n" +
          "    for (const target of this.#targets) {\n      if (shelf",
      ),
    ],
    "answers leave from the interface and the address that were asked": [
      patch(
        PENDING,
        "this.#ports[at] = port;",
        "this.#ports[at] ??= this.#ports[0] ?? port;",
      ),
      patch(
        REPLY,
        "copyBytes(mac, 0, reply, HeaderOffset.Source, MAC_LENGTH);",
        "copyBytes(request, 0, reply, HeaderOffset.Source, MAC_LENGTH);",
      ),
      patch(
        SERVER,
        "return equalBytes(frame, at, mac, 0, MAC_LENGTH) ||",
        "return frame[at] === mac[0] ||",
      ),
    ],
    "the buffer count is at least 2": [
      patch(
        OPTIONS,
        '"bufferCount", settings.bufferCount, 2,',
        '"bufferCount", settings.bufferCount, 1,',
      ),
      patch(
        OPTIONS,
        "options.bufferCount ?? 64,",
        "options.bufferCount ?? 16,",
      ),
    ],
    "sectors per frame make whole blocks": [
      patch(
        "aoe/port.ts",
        ": sectorCount - sectorCount % SECTORS_PER_BLOCK;",
        ": sectorCount;",
      ),
    ],
    "the size is a multiple of 8 sectors": [
      patch(
        "aoe/memory_device.ts",
        "sectorCount % SECTORS_PER_BLOCK === 0",
        "sectorCount % 1 === 0",
      ),
      patch(
        "cli/output/size.ts",
        "if (byteCount % 4096 !== 0) {",
        "if (byteCount % 512 !== 0) {",
      ),
      patch(
        "devices/path_device.ts",
        "Math.floor(byteCount / BLOCK_BYTES) * (BLOCK_BYTES / SECTOR_SIZE);",
        "Math.floor(byteCount / SECTOR_SIZE);",
      ),
    ],
    "the answer to a WRITE is the only promise of durability": [
      patch(
        WRITES,
        "    if (ticket === 0) return false;\n    this.#responder.begin",
        `    if (ticket === 0) return false;
    if (ticket > 0) {
      this.#sendDone(port, frame);
      return true;
    }
    this.#responder.begin`,
      ),
      patch(
        "aoe/identify.ts",
        "1 << 14 | 1 << 3 | 1 << 0;",
        "1 << 14 | 1 << 5 | 1 << 3 | 1 << 0;",
      ),
    ],
    "writes to one sector apply in the order they came": [
      patch(
        WRITES,
        "if (this.#held.size === 0 && this.#tryWrite",
        "if (this.#tryWrite",
      ),
      patch(WRITES, "clearTrimEntry(frame, i);", ""),
    ],
    "tags are opaque": [
      patch(
        REPLY,
        "  reply[HeaderOffset.Error] = 0;\n",
        "  reply[HeaderOffset.Error] = 0;\n" +
          "  reply[HeaderOffset.Tag]! &= 0x7f;\n",
      ),
      // One that takes a tag seen before for a repetition.
      patch(
        TARGET,
        "    this.#statistics.frames++;\n",
        `    this.#statistics.frames++;
    const seen: Set<string> = (this as any).seen ??= new Set();
    const tag = frame.subarray(20, 24).join();
    if (seen.has(tag)) return;
    seen.add(tag);
`,
      ),
    ],
  },
};
