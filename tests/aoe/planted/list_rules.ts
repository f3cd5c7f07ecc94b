import { patch, type PlantedSection } from "./section.ts";

const MASK = "aoe/mac_mask.ts";
const MASK_RESPONDER = "aoe/mask_responder.ts";
const TARGET = "aoe/target.ts";
const LIVE_STATE = "aoe/live_state.ts";
const RESPONSE_BUFFER = "aoe/response_buffer.ts";

export const MASK_RULES: PlantedSection = {
  heading: "MAC mask (AoEr11 section 3.3)",
  rules: {
    "argument and directives lie as drawn": [
      patch(
        MASK,
        `  Error: 26,
  /** Directives that follow, or in an error the index of the one that failed. */
  DirectiveCount: 27,`,
        `  Error: 27,
  /** Directives that follow, or in an error the index of the one that failed. */
  DirectiveCount: 26,`,
      ),
      patch(
        MASK,
        `  Reserved: 0,
  /** What to do with the address. */
  Command: 1,`,
        `  Reserved: 1,
  /** What to do with the address. */
  Command: 0,`,
      ),
    ],
    "an empty list is for everybody, else others are ignored silently": [
      patch(
        TARGET,
        "(mask.size === 0 || mask.has(bytes, offset));",
        "mask !== undefined;",
      ),
      patch(
        TARGET,
        "(mask.size === 0 || mask.has(bytes, offset));",
        "(bytes[HeaderOffset.Command] === 1 || mask.size === 0 || mask.has(bytes, offset));",
      ),
      patch(
        TARGET,
        "(mask.size === 0 || mask.has(bytes, offset));",
        "mask.has(bytes, offset);",
      ),
    ],
    "read answers with the list": [
      patch(
        MASK_RESPONDER,
        "if (command === MaskCommand.Edit && count > 0) {",
        "if (count > 0) {",
      ),
      patch(
        MASK_RESPONDER,
        "const macs = this.#state.mask.toArray();",
        "const macs = command === MaskCommand.Edit ? this.#state.mask.toArray() : [];",
      ),
    ],
    "directives are carried out in order, an edit answers with the whole list":
      [
        patch(
          MASK_RESPONDER,
          "applyDirective(mask, frame, directiveOffset(index));",
          "applyDirective(mask, frame, directiveOffset(count - 1 - index));",
        ),
        patch(
          MASK_RESPONDER,
          "case DirectiveCommand.None:\n      return MaskError.None;",
          "case DirectiveCommand.None:\n      return MaskError.Unspecified;",
        ),
        patch(
          MASK_RESPONDER,
          "const macs = this.#state.mask.toArray();",
          "const macs = this.#state.mask.toArray().slice(0, 1);",
        ),
      ],
    "to add what is there, to delete what is not, are no errors": [
      patch(
        MASK_RESPONDER,
        "      mask.add(frame, macOffset);",
        "      if (mask.has(frame, macOffset)) return MaskError.Unspecified;\n" +
          "      mask.add(frame, macOffset);",
      ),
      patch(
        MASK_RESPONDER,
        "      mask.delete(frame, macOffset);",
        "      if (!mask.has(frame, macOffset)) return MaskError.Unspecified;\n" +
          "      mask.delete(frame, macOffset);",
      ),
    ],
    "an error stops the edit; Dir Count tells which, the directives come back":
      [
        patch(
          MASK_RESPONDER,
          "if (error !== MaskError.None) break;",
          "if (error !== MaskError.None && index === count - 1) break;",
        ),
        patch(
          MASK_RESPONDER,
          "DirectiveCount] = index;",
          "DirectiveCount] = index + 1;",
        ),
        patch(
          MASK_RESPONDER,
          "const length = maskFrameLength(count);",
          "const length = maskFrameLength(0);",
        ),
      ],
    "error 3 when the list is full": [
      patch(
        MASK_RESPONDER,
        "return MaskError.ListFull;",
        "return MaskError.Unspecified;",
      ),
      patch(
        MASK_RESPONDER,
        "mask.size === MASK_ENTRIES_MAX &&",
        "mask.size === 255 &&",
      ),
    ],
    "MError does not go with the E flag": [
      patch(
        MASK_RESPONDER,
        "this.#response.bytes[MaskOffset.Error] = error;",
        "this.#response.bytes[MaskOffset.Error] = error;\n" +
          "    this.#response.markError(AoeErrorCode.BadArgument);",
      ),
      patch(
        MASK_RESPONDER,
        "if (count < 0 || command > MaskCommand.Edit) {",
        "if (count < 0) {",
      ),
      patch(MASK, "maskFrameLength(count) <= length ? count : -1;", "count;"),
    ],
    "adverts under a mask (silent)": [
      patch(
        TARGET,
        "if (list.size === 0) return",
        "if (list.size >= 0) return",
      ),
    ],
    "restarts (silent)": [
      patch(
        LIVE_STATE,
        "this.#reservation = reservation;\n    this.changed();",
        "this.#reservation = reservation;",
      ),
      patch(LIVE_STATE, "    this.#mask = new MacList(state.mask);\n", ""),
      patch(
        RESPONSE_BUFFER,
        "if (kept === undefined) return this.send(port, length);",
        "if (kept !== null) return this.send(port, length);",
      ),
    ],
  },
};

const RESERVE = "aoe/reserve_release.ts";
const RESERVE_RESPONDER = "aoe/reserve_responder.ts";
const REFUSED = "const refused = command === ReserveCommand.Set && ";

export const RESERVE_RULES: PlantedSection = {
  heading: "Reserve/Release (AoEr11 section 3.4)",
  rules: {
    "the argument lies as drawn": [
      patch(
        RESERVE,
        "  Command: 24,\n  /** Addresses that follow. */\n  MacCount: 25,",
        "  Command: 25,\n  /** Addresses that follow. */\n  MacCount: 24,",
      ),
    ],
    "a reserved target refuses ATA reads and writes of others with error 6": [
      patch(TARGET, "reservation.size > 0 &&", "reservation.size < 0 &&"),
      patch(
        "aoe/ata.ts",
        "    case AtaCommand.ReadVerifyExt:\n    case",
        "    case",
      ),
      patch(
        TARGET,
        "AoeErrorCode.TargetReserved",
        "AoeErrorCode.DeviceUnavailable",
      ),
    ],
    "everything else is served to everybody": [
      patch(
        TARGET,
        "transfersSectors(frame[AtaOffset.CommandStatus]!) &&",
        "frame[AtaOffset.CommandStatus] !== 0xec &&",
      ),
      patch(
        TARGET,
        "!reservation.has(frame, HeaderOffset.Source)",
        "reservation.size > 0",
      ),
    ],
    "0 reads": [
      patch(
        RESERVE_RESPONDER,
        REFUSED,
        "const refused = command !== ReserveCommand.ForceSet && ",
      ),
      patch(
        RESERVE_RESPONDER,
        "if (!refused && command !== ReserveCommand.Read)",
        "if (!refused)",
      ),
    ],
    "1 sets if the list is empty or the sender in it, else error 6": [
      patch(RESERVE_RESPONDER, REFUSED, "const refused = command > 9 && "),
      patch(
        RESERVE_RESPONDER,
        "return reservation.size === 0 ||\n      reservation.has(frame, HeaderOffset.Source);",
        "return reservation.size === 0;",
      ),
      patch(
        RESERVE_RESPONDER,
        "return reservation.size === 0 ||\n      reservation.has",
        "return reservation.has",
      ),
    ],
    "2 sets in any case": [
      patch(
        RESERVE_RESPONDER,
        REFUSED,
        "const refused = command !== ReserveCommand.Read && ",
      ),
    ],
    "no addresses release": [
      patch(
        RESERVE_RESPONDER,
        "if (!refused && command !== ReserveCommand.Read)",
        "if (!refused && command !== ReserveCommand.Read && count > 0)",
      ),
    ],
    "every answer holds the current list": [
      patch(
        RESERVE_RESPONDER,
        "macs: this.#state.reservation.toArray(),",
        "macs: refused ? [] : this.#state.reservation.toArray(),",
      ),
      patch(
        TARGET,
        "this.#response.send(port, ATA_DATA_OFFSET);",
        "this.#response.send(port, 24);",
      ),
    ],
    "up to 255 addresses": [
      patch(
        RESERVE_RESPONDER,
        "count < 0 || count > RESERVE_ENTRIES_MAX ||",
        "count < 0 ||",
      ),
      patch(
        RESERVE,
        "reserveFrameLength(count) <= length ? count : -1;",
        "count;",
      ),
    ],
  },
};
