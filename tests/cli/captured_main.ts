/** The program in this process, with all that it writes. */

import { main } from "../../cli/main.ts";

/** What came of a run. */
export interface CapturedRun {
  /** Its exit status. */
  readonly status: number;
  /** All that it wrote, to standard output and error. */
  readonly text: string;
}

/** Runs a command and takes what it writes. */
export async function captureMain(
  args: readonly string[],
): Promise<CapturedRun> {
  const parts: string[] = [];
  const decoder = new TextDecoder();
  const take = (bytes: Uint8Array): number => {
    parts.push(decoder.decode(bytes));
    return bytes.length;
  };
  const { stdout, stderr } = Deno;
  const writes = [stdout.writeSync, stderr.writeSync] as const;
  const logs = [console.log, console.error, console.warn] as const;
  stdout.writeSync = take;
  stderr.writeSync = take;
  console.log = console.error = console.warn = (...values: unknown[]): void => {
    parts.push(values.map((it) => Deno.inspect(it, { depth: 9 })).join(" "));
  };
  try {
    return { status: await main(args), text: parts.join("\n") };
  } finally {
    [stdout.writeSync, stderr.writeSync] = writes;
    [console.log, console.error, console.warn] = logs;
  }
}
