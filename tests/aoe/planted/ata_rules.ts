import { patch, type PlantedSection } from "./section.ts";

const ATA = "aoe/ata.ts";
const READS = "aoe/ata_reads.ts";
const REGISTERS = "aoe/ata_registers.ts";
const RESPONDER = "aoe/ata_responder.ts";
const UNIT = "aoe/ata_unit.ts";
const WRITES = "aoe/ata_writes.ts";
const IDENTIFY = "aoe/identify.ts";
const SLOW_FLUSHES = "aoe/slow_flushes.ts";

export const ATA_RULES: PlantedSection = {
  heading: "ATA commands (AoEr11 section 3.1)",
  rules: {
    "the registers lie as drawn, lba0 is the least significant byte": [
      patch(
        ATA,
        `SectorCount: 26,
  /** Command register in a request, Status register in a response. */
  CommandStatus: 27,`,
        `SectorCount: 27,
  /** Command register in a request, Status register in a response. */
  CommandStatus: 26,`,
      ),
      patch(
        ATA,
        "frame[AtaOffset.Lba] = lba % 2 ** 24;",
        "frame[AtaOffset.Lba + 2] = lba % 2 ** 24;",
      ),
      patch(
        ATA,
        `return frame[AtaOffset.Lba]! | frame[AtaOffset.Lba + 1]! << 8 |
    frame[AtaOffset.Lba + 2]! << 16;`,
        `return frame[AtaOffset.Lba]! << 16 | frame[AtaOffset.Lba + 1]! << 8 |
    frame[AtaOffset.Lba + 2]!;`,
      ),
    ],
    "the data of a command fits one frame": [
      patch(
        RESPONDER,
        "if (sectorCount === 0 || sectorCount > sectorCountMax) {",
        "if (sectorCount === 0 || sectorCount > this.sectorCountMax + 1) {",
      ),
    ],
    "W with a sector count: data to the device; without: from it": [
      patch(
        UNIT,
        `      case AtaCommand.WriteExt:
        return`,
        `      case AtaCommand.WriteExt:
        if ((frame[AtaOffset.Flags]! & 1) === 0) {
          return this.#reads.read(port, frame, readLba48(frame), max);
        }
        return`,
      ),
      patch(
        UNIT,
        `      case AtaCommand.ReadExt:
        return`,
        `      case AtaCommand.ReadExt:
        if ((frame[AtaOffset.Flags]! & 1) !== 0) {
          return this.#writes.write(port, frame, length, readLba48(frame), max);
        }
        return`,
      ),
    ],
    "no data: the sector count is 0": [
      patch(
        RESPONDER,
        "if (sectorCount === 0 || sectorCount > sectorCountMax) {",
        "if (sectorCount > sectorCountMax) {",
      ),
    ],
    "E: 48-bit registers; without it lba3 is the Device register": [
      patch(
        ATA,
        "(frame[AtaOffset.Lba + 3]! & 0x0f) * 2 ** 24",
        "frame[AtaOffset.Lba + 3]! * 2 ** 24",
      ),
      patch(
        ATA,
        "frame[AtaOffset.Lba + 4]! * 2 ** 32",
        "(frame[AtaOffset.Lba + 4]! << 32)",
      ),
      patch(
        UNIT,
        `      case AtaCommand.ReadExt:
        return`,
        `      case AtaCommand.ReadExt:
        if ((frame[AtaOffset.Flags]! & 0x40) === 0) {
          return this.#reads.read(port, frame, readLba28(frame), max);
        }
        return`,
      ),
    ],
    "D: the DEV bit of the Device register": [
      patch(
        RESPONDER,
        "    reply[AtaOffset.ErrorFeature] = 0;\n",
        "    reply[AtaOffset.ErrorFeature] = 0;\n" +
          "    reply[AtaOffset.Flags]! &= ~0x10;\n",
      ),
      patch(
        UNIT,
        "    const max = this.sectorCountMax(port);\n",
        "    const max = this.sectorCountMax(port);\n" +
          "    if ((frame[AtaOffset.Flags]! & 0x10) !== 0) {\n" +
          "      return this.#responder.fail(port, frame, 4);\n    }\n",
      ),
    ],
    "A and W: the server may answer before the write is done": [
      patch(
        WRITES,
        "    if (ticket === 0) return false;\n    this.#responder.begin",
        `    if (ticket === 0) return false;
    if ((frame[AtaOffset.Flags]! & 2) !== 0) {
      this.#sendDone(port, frame);
      return true;
    }
    this.#responder.begin`,
      ),
    ],
    "otherwise no answer before the command is completed": [
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
    ],
    "registers that are not read back keep the command's values": [
      patch(
        RESPONDER,
        "    reply[AtaOffset.ErrorFeature] = 0;\n",
        "    reply.fill(0, AtaOffset.Lba, AtaOffset.Reserved);\n" +
          "    reply[AtaOffset.ErrorFeature] = 0;\n",
      ),
      patch(
        RESPONDER,
        "this.reply[AtaOffset.SectorCount] = frame[AtaOffset.SectorCount]!;",
        "",
      ),
    ],
    "read data follows if the command succeeded": [
      patch(
        READS,
        "port.send(reply, ataFrameLength(sectorCount));",
        "port.send(reply, ataFrameLength(sectorCount) - 12);",
      ),
      patch(
        RESPONDER,
        "this.#statistics.ataErrors++;\n    port.send(reply, ATA_DATA_OFFSET);",
        "this.#statistics.ataErrors++;\n    port.send(reply, ataFrameLength(1));",
      ),
    ],
    "IDENTIFY DEVICE": [
      patch(
        IDENTIFY,
        "Lba48SectorCount, 4, sectorCount",
        "Lba48SectorCount, 2, sectorCount",
      ),
      patch(
        IDENTIFY,
        'TRIM_DETERMINISTIC | (trim === "zero" ? TRIM_ZEROES : 0)',
        "TRIM_DETERMINISTIC | TRIM_ZEROES",
      ),
      patch(
        IDENTIFY,
        "WORD_VALID | PHYSICAL_SECTOR_MULTIPLE | SECTORS_PER_PHYSICAL_SECTOR_LOG2,",
        "WORD_VALID,",
      ),
      patch(
        IDENTIFY,
        "1 << 14 | 1 << 3 | 1 << 0;",
        "1 << 14 | 1 << 5 | 1 << 3 | 1 << 0;",
      ),
    ],
    "FLUSH CACHE and FLUSH CACHE EXT": [
      patch(
        WRITES,
        "if (ticket === 0) return this.#sendDone(port, frame);",
        "if (ticket >= 0) return this.#sendDone(port, frame);",
      ),
      patch(
        UNIT,
        "      case AtaCommand.FlushCache:\n      case AtaCommand.FlushCacheExt:",
        "      case AtaCommand.FlushCache:",
      ),
    ],
    "a FLUSH that waits for the store (`flush=remote`)": [
      patch(WRITES, "flush === undefined\n", "flush !== null\n"),
      patch(
        SLOW_FLUSHES,
        "if (known !== undefined) {",
        "if (key === undefined) {",
      ),
      patch(SLOW_FLUSHES, "known.port = port;", ""),
      patch(
        SLOW_FLUSHES,
        "() => this.#waiting.delete(key),",
        "() => this.#answer(key, waiting),",
      ),
    ],
    "READ VERIFY and its EXT": [
      patch(
        READS,
        "done < range.sectorCount; done += step",
        "done < 0; done += step",
      ),
      patch(
        READS,
        "(buffer) => port.send(buffer, ATA_DATA_OFFSET),",
        "(buffer) => port.send(buffer, ataFrameLength(1)),",
      ),
    ],
    "CHECK POWER MODE, IDLE, STANDBY, SLEEP, under both of their numbers": [
      patch(REGISTERS, "POWER_MODE_ACTIVE = 0xff;", "POWER_MODE_ACTIVE = 0;"),
      patch(REGISTERS, "    case AtaCommand.CheckPowerModeOld:\n", ""),
      patch(REGISTERS, "    case AtaCommand.SleepOld:\n", "    case 0x9f:\n"),
    ],
    "SET FEATURES": [
      patch(
        REGISTERS,
        "? ATA_DATA_OFFSET\n        : 0;",
        "? ATA_DATA_OFFSET\n        : ATA_DATA_OFFSET;",
      ),
      patch(
        REGISTERS,
        "? ATA_DATA_OFFSET\n        : 0;",
        "? 0\n        : 0;",
      ),
    ],
    SMART: [
      patch(REGISTERS, "    case AtaFeature.SmartReturnStatus:\n", ""),
      patch(
        REGISTERS,
        "reply.fill(0, ATA_DATA_OFFSET, ataFrameLength(1));",
        "",
      ),
      patch(REGISTERS, "if (signature !== SMART_SIGNATURE) return 0;", ""),
    ],
    "DATA SET MANAGEMENT with TRIM": [
      patch(
        WRITES,
        "if (this.#device.trim === undefined) return",
        "if (this.#device !== undefined) return",
      ),
      patch(UNIT, '? "hint"', '? "zero"'),
      patch(WRITES, "blockCount > TRIM_BLOCK_COUNT_MAX ||", ""),
    ],
    NOP: [
      patch(
        REGISTERS,
        "    default:\n      // NOP among them",
        "    case 0:\n      return ATA_DATA_OFFSET;\n" +
          "    default:\n      // NOP among them",
      ),
    ],
    "all other ATA commands": [
      patch(
        REGISTERS,
        "ATA wants it aborted.\n      return 0;",
        "ATA wants it aborted.\n      return ATA_DATA_OFFSET;",
      ),
      patch(
        UNIT,
        "else this.#responder.fail(port, frame, AtaErrorBit.Aborted);",
        "else port.send(reply.fill(0x1c, 14, 15), ATA_DATA_OFFSET);",
      ),
    ],
    "an address past the end": [
      patch(
        RESPONDER,
        "if (lba + sectorCount > this.#settings.device.sectorCount) {",
        "if (lba >= this.#settings.device.sectorCount) {",
      ),
      patch(
        RESPONDER,
        "return AtaErrorBit.IdNotFound;",
        "return AtaErrorBit.Aborted;",
      ),
    ],
  },
};
