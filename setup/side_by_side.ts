/** Two programs at a time, of which one has the terminal. */

import { say } from "./say.ts";

/** A program and its arguments. */
export type Command = readonly [string, ...string[]];

/** What to run, and where. */
export interface SideBySideOptions {
  /** Has the terminal. */
  readonly shown: Command;
  /** Runs meanwhile; what it prints is held back until `shown` has ended. */
  readonly held: Command;
  /** What `held` is, for the line that stands between them. */
  readonly heldName: string;
  /** The folder to run in. */
  readonly cwd: string;
}

/**
 * Runs both to their ends, whatever comes of the other. The exit status is 0
 * where both have 0, else that of one that failed.
 */
export async function runSideBySide(
  { shown, held, heldName, cwd }: SideBySideOptions,
): Promise<number> {
  const begun: Uint8Array[] = [];
  let print = (piece: Uint8Array): void => void begun.push(piece);
  const second = new Deno.Command(held[0], {
    ...{ args: held.slice(1), cwd, stdin: "null" },
    ...{ stdout: "piped", stderr: "piped" },
  }).spawn();
  const ended = Promise.all([
    second.status,
    read(second.stdout, (piece) => print(piece)),
    read(second.stderr, (piece) => print(piece)),
  ]);
  const first = new Deno.Command(shown[0], { args: shown.slice(1), cwd });
  const { code } = await first.spawn().status;
  say(`Run at the same time: ${heldName}`);
  print = writeAll;
  begun.forEach(writeAll);
  const [{ code: heldCode }] = await ended;
  return code === 0 ? heldCode : code;
}

async function read(
  stream: ReadableStream<Uint8Array>,
  onPiece: (piece: Uint8Array) => void,
): Promise<void> {
  for await (const piece of stream) onPiece(piece);
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}
