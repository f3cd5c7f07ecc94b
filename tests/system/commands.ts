/** Commands of the program inside a network namespace, with permissions of choice. */

import { run, type RunResult } from "../../setup/run.ts";
import type { NetNamespace } from "../guest/net_namespace.ts";
import { RunningServer } from "../guest/server.ts";

const MAIN_PATH: string = new URL("../../main.ts", import.meta.url).pathname;

/** Everything, as most users allow. */
export const ALL: readonly string[] = ["-A"];

/** Runs a command to its end. */
export function runWithin(
  namespace: NetNamespace,
  ...args: readonly string[]
): Promise<RunResult> {
  const command = [Deno.execPath(), "run", ...ALL, MAIN_PATH, ...args];
  return run("ip", ["netns", "exec", namespace.name, ...command]);
}

/** Runs a command with `--json`, which must succeed; the objects it printed. */
export async function resultsWithin<Result>(
  namespace: NetNamespace,
  ...args: readonly string[]
): Promise<Result[]> {
  const result = await runWithin(namespace, ...args, "--json");
  if (!result.success) {
    throw new Error(`${args.join(" ")}: ${result.stderr}${result.stdout}`);
  }
  return result.stdout.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Runs a command with `--json`, which must fail; what it said. */
export async function refusalWithin(
  namespace: NetNamespace,
  ...args: readonly string[]
): Promise<{ readonly message: string; readonly exitStatus: number }> {
  const result = await runWithin(namespace, ...args, "--json");
  const line = result.stdout.trimEnd().split("\n").at(-1) ?? "";
  if (result.success || !line.startsWith("{")) {
    throw new Error(`${args.join(" ")} did not fail: ${result.stdout}`);
  }
  return JSON.parse(line);
}

/** How to start a server. */
export interface StartOptions {
  /** What Deno is given; nobody is there to answer its questions. */
  readonly permissions?: readonly string[];
  /** What runs it: `setpriv` and its arguments. */
  readonly wrapper?: readonly string[];
  /** What follows `serve --json`. */
  readonly args: readonly string[];
}

/** Starts `serve`; it is not waited for. */
export function spawnServer(
  namespace: NetNamespace,
  { permissions = ALL, wrapper = [], args }: StartOptions,
): RunningServer {
  const [program, ...rest] = [
    ...wrapper,
    Deno.execPath(),
    ...["run", "--no-prompt", ...permissions],
    ...[MAIN_PATH, "serve", "--json", ...args],
  ];
  return new RunningServer(
    namespace.spawn({ command: [program!, ...rest] }),
  );
}
