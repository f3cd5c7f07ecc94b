/**
 * Where the program's words go: results on stdout, talk on stderr; with
 * `--json` every event is one JSON object a line on stdout.
 *
 * @module
 */

import type { ArchiveEvent } from "../../cas/events.ts";

/** Takes what the program has to say. */
export interface Output {
  /** True when events go to stdout as JSON. */
  readonly json: boolean;
  /** An event: a line of talk for people, an object for programs. */
  event(event: ArchiveEvent): void;
  /** A line of a result, for people only. */
  line(text: string): void;
  /** A result, for programs only. */
  result(value: unknown): void;
}

/** Writes to this process's stdout and stderr. */
export function standardOutput(json: boolean): Output {
  const encoder = new TextEncoder();
  const writeOut = (text: string): void => {
    writeAll(Deno.stdout, encoder.encode(`${text}\n`));
  };
  const writeTalk = (text: string): void => {
    writeAll(Deno.stderr, encoder.encode(`${text}\n`));
  };
  return {
    json,
    event(event: ArchiveEvent): void {
      if (json) writeOut(JSON.stringify(event));
      else writeTalk(`${prefixOf(event)}${event.message}`);
    },
    line(text: string): void {
      if (!json) writeOut(text);
    },
    result(value: unknown): void {
      if (json) writeOut(JSON.stringify(value));
    },
  };
}

/** The name of the event with which a command ends that failed. */
export const ERROR_EVENT = "error";

function prefixOf({ event, severity }: ArchiveEvent): string {
  // What one has typed oneself needs no shouting, as what happens at night does.
  return event === ERROR_EVENT && severity === "admin"
    ? "error: "
    : SEVERITY_PREFIX[severity];
}

const SEVERITY_PREFIX: Readonly<Record<ArchiveEvent["severity"], string>> = {
  info: "",
  expected: "",
  strange: "warning: ",
  corrupt: "CORRUPT: ",
  admin: "ATTENTION: ",
};

/** Writes all bytes; a reader that went away must not end the server. */
function writeAll(
  stream: { writeSync(bytes: Uint8Array): number },
  bytes: Uint8Array,
): void {
  try {
    let written = 0;
    while (written < bytes.length) {
      written += stream.writeSync(bytes.subarray(written));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
