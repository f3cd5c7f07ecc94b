import { patch, type PlantedSection } from "./section.ts";

const RESPONDER = "aoe/config_responder.ts";
const QUERY_CONFIG = "aoe/query_config.ts";
const SERVER = "aoe/server.ts";

export const CONFIG_RULES: PlantedSection = {
  heading: "Query config (AoEr11 section 3.2)",
  rules: {
    "the argument lies as drawn": [
      patch(
        QUERY_CONFIG,
        `BufferCount: 24,
  /** Firmware version, 2 bytes. */
  FirmwareVersion: 26,`,
        `BufferCount: 26,
  /** Firmware version, 2 bytes. */
  FirmwareVersion: 24,`,
      ),
      patch(
        QUERY_CONFIG,
        "argument.version << 4 | argument.command;",
        "argument.command;",
      ),
    ],
    "Buffer Count requests may be outstanding, excess is dropped": [
      patch(
        "aoe/backlog.ts",
        "(known?.count ?? 0) >= this.#freeCount",
        "this.#freeCount === 0",
      ),
      patch(
        "aoe/frame_pool.ts",
        "if (lent >= this.#countMax - this.borrowedCount) return undefined;",
        "",
      ),
    ],
    "Sector Count is the most sectors of a command": [
      patch(
        "aoe/port.ts",
        ": sectorCount - sectorCount % SECTORS_PER_BLOCK;",
        ": sectorCount;",
      ),
      patch(
        "aoe/port.ts",
        "if (this.sectorCountMax === 0) {",
        "if (this.sectorCountMax < 0) {",
      ),
    ],
    "a Sector Count of 0 means 2": [
      patch(
        QUERY_CONFIG,
        "CONFIG_SECTOR_COUNT_DEFAULT = 2;",
        "CONFIG_SECTOR_COUNT_DEFAULT = 16;",
      ),
    ],
    "fields of a request other than the string are ignored": [
      patch(
        RESPONDER,
        'if (argumentLength < 0) return "bad";',
        'if (argumentLength < 0 || frame[ConfigOffset.BufferCount]) return "bad";',
      ),
    ],
    "0 reads": [
      patch(
        RESPONDER,
        'case ConfigCommand.Read:\n        return "answer";',
        'case ConfigCommand.Read:\n        return "silence";',
      ),
    ],
    "1 is answered only if the string is equal": [
      patch(
        RESPONDER,
        'return isEqual ? "answer" : "silence";',
        'return isPrefix ? "answer" : "silence";',
      ),
      patch(
        RESPONDER,
        'return isEqual ? "answer" : "silence";',
        'return "silence";',
      ),
    ],
    "2 is answered only if the argument is a prefix": [
      patch(
        RESPONDER,
        'return isPrefix ? "answer" : "silence";',
        'return isEqual ? "answer" : "silence";',
      ),
      patch(
        RESPONDER,
        'return isPrefix ? "answer" : "silence";',
        'return "answer";',
      ),
    ],
    "3 sets an empty string, else error 4": [
      patch(
        RESPONDER,
        "if (!isEqual && current.length > 0) return",
        "if (current.length > 0) return",
      ),
      patch(
        RESPONDER,
        "if (!isEqual && current.length > 0) return",
        "if (false) return",
      ),
    ],
    "4 sets in any case": [
      patch(
        RESPONDER,
        "case ConfigCommand.ForceSet:\n",
        "case ConfigCommand.ForceSet:\n" +
          '        if (!isEqual && current.length > 0) return "present";\n',
      ),
    ],
    "up to 1024 bytes": [
      patch(
        QUERY_CONFIG,
        "CONFIG_STRING_LENGTH_MAX = 1024;",
        "CONFIG_STRING_LENGTH_MAX = 1023;",
      ),
      patch(
        QUERY_CONFIG,
        "CONFIG_STRING_LENGTH_MAX = 1024;",
        "CONFIG_STRING_LENGTH_MAX = 1025;",
      ),
    ],
    "a server broadcasts a response with tag 0 when it starts": [
      patch(
        SERVER,
        "    advertiseOn(port, this.#targets);\n    this.#loopCount++;",
        "    this.#loopCount++;",
      ),
      patch("aoe/target.ts", "      tag: 0,\n", "      tag: 1,\n"),
      patch(SERVER, "if (this.#running) this.advertise(target);", ""),
      patch(
        "cli/serving/interfaces.ts",
        "      advertise();\n      onEvent({",
        "      onEvent({",
      ),
    ],
  },
};
