/**
 * From arguments to an exit status.
 *
 * @module
 */

import denoConfig from "../deno.json" with { type: "json" };
import { type Command, parseCommandLine } from "./command_line.ts";
import { ExitStatus, exitStatusOf, isOperatorError } from "./exit_status.ts";
import { standardOutput } from "./output.ts";
import { serve } from "./serve.ts";
import { serveOptions } from "./serve_options.ts";
import { createSnapshot, listSnapshots } from "./snapshots.ts";
import { start } from "./start.ts";

/** Runs the program; the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  // Also the errors of reading the arguments go where a program expects them.
  const json = args.includes("--json");
  try {
    return await run(parseCommandLine(args));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const status = exitStatusOf(error);
    standardOutput(json).event({
      event: "error",
      severity: status === ExitStatus.Damaged ? "corrupt" : "admin",
      message,
      exitStatus: status,
    });
    if (!isOperatorError(error) && error instanceof Error) {
      console.error(error.stack);
    }
    return status;
  }
}

async function run(command: Command): Promise<number> {
  const output = standardOutput("json" in command && command.json);
  switch (command.verb) {
    case "help":
      output.line(command.text.trimEnd());
      return ExitStatus.Done;
    case "version":
      output.line(`deepshelf ${denoConfig.version}`);
      return ExitStatus.Done;
    case "serve": {
      const { config, flags } = command;
      const file = config === undefined
        ? undefined
        : { path: config, text: await Deno.readTextFile(config) };
      const options = serveOptions(flags, file);
      return await serve(options, standardOutput(options.json));
    }
    case "start":
      return await start(command.interface, output);
    case "snapshot create":
      await createSnapshot(command, command, output);
      return ExitStatus.Done;
    case "snapshot list":
      await listSnapshots(command, command.volume, output);
      return ExitStatus.Done;
  }
}
