/**
 * Answers "Query config information" (AoEr11 section 3.2) for a target.
 *
 * @module
 */

import { equalBytes } from "./bytes.ts";
import { AOE_VERSION, AoeErrorCode } from "./header.ts";
import type { LiveState } from "./live_state.ts";
import type { Port } from "./port.ts";
import {
  CONFIG_STRING_OFFSET,
  ConfigCommand,
  ConfigOffset,
  configStringLength,
  encodeConfigArgument,
} from "./query_config.ts";
import type { ResponseBuffer } from "./response_buffer.ts";

/** What a query asks to be done about the config string. */
type Verdict = "answer" | "silence" | "present" | "bad";

/** What a target says of itself. */
export interface ConfigFacts {
  /** Requests an initiator may have outstanding. */
  readonly bufferCount: number;
  /** Firmware version. */
  readonly firmwareVersion: number;
  /** Most sectors of one command on a port. */
  readonly sectorCountMax: (port: Port) => number;
}

/** Answers queries, and changes the config string where they ask for it. */
export class ConfigResponder {
  readonly #response: ResponseBuffer;
  readonly #state: LiveState;
  readonly #facts: ConfigFacts;

  /** Makes its responses in `response`. */
  constructor(response: ResponseBuffer, state: LiveState, facts: ConfigFacts) {
    this.#response = response;
    this.#state = state;
    this.#facts = facts;
  }

  /** Answers a request, if it is one to answer. */
  handle(port: Port, frame: Uint8Array, length: number): void {
    const verdict = this.#judge(frame, length);
    if (verdict === "silence") return;
    if (verdict === "bad") {
      return this.#response.refuse(port, frame, AoeErrorCode.BadArgument);
    }
    this.#response.begin(port, frame);
    if (verdict === "present") {
      this.#response.markError(AoeErrorCode.ConfigStringPresent);
    }
    const responseLength = this.#encode(
      port,
      frame[ConfigOffset.VersionCommand]! & 0x0f,
    );
    this.#response.sendWhen(this.#state.kept(), port, responseLength);
  }

  /** Sends an advert whose header is there, with the values of now. */
  advertise(port: Port): void {
    this.#response.send(port, this.#encode(port, ConfigCommand.Read));
  }

  #encode(port: Port, command: number): number {
    return encodeConfigArgument(this.#response.bytes, {
      bufferCount: this.#facts.bufferCount,
      firmwareVersion: this.#facts.firmwareVersion,
      sectorCount: this.#facts.sectorCountMax(port),
      version: AOE_VERSION,
      command,
      configString: this.#state.configString,
    });
  }

  #judge(frame: Uint8Array, length: number): Verdict {
    const argumentLength = configStringLength(frame, length);
    if (argumentLength < 0) return "bad";
    const current = this.#state.configString;
    const isPrefix = argumentLength <= current.length &&
      equalBytes(frame, CONFIG_STRING_OFFSET, current, 0, argumentLength);
    const isEqual = isPrefix && argumentLength === current.length;
    switch (frame[ConfigOffset.VersionCommand]! & 0x0f) {
      case ConfigCommand.Read:
        return "answer";
      case ConfigCommand.TestEqual:
        return isEqual ? "answer" : "silence";
      case ConfigCommand.TestPrefix:
        return isPrefix ? "answer" : "silence";
      case ConfigCommand.Set:
        // The same string again is a repeated request whose answer was lost.
        if (!isEqual && current.length > 0) return "present";
        break;
      case ConfigCommand.ForceSet:
        break;
      default:
        return "bad";
    }
    if (!isEqual) {
      this.#state.setConfigString(frame.slice(
        CONFIG_STRING_OFFSET,
        CONFIG_STRING_OFFSET + argumentLength,
      ));
    }
    return "answer";
  }
}
