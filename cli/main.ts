/**
 * From arguments to an exit status.
 *
 * @module
 */

import { parseCommandLine } from "./command_line.ts";
import { COMMANDS } from "./commands.ts";
import { ExitStatus, exitStatusOf, isOperatorError } from "./exit_status.ts";
import { ERROR_EVENT, standardOutput } from "./output/output.ts";

/** Runs the program; the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  // Also the errors of reading the arguments go where a program expects them.
  const json = args.includes("--json");
  try {
    return await run(args, json);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const status = exitStatusOf(error);
    standardOutput(json).event({
      event: ERROR_EVENT,
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

async function run(args: readonly string[], json: boolean): Promise<number> {
  const output = standardOutput(json);
  const invocation = parseCommandLine(args, COMMANDS);
  if ("help" in invocation) {
    output.line(invocation.help);
    return ExitStatus.Done;
  }
  const { command, values, positionals } = invocation;
  return await command.run({ values, positionals, output });
}
