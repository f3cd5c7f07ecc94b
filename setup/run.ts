/** Runs a program to its end and keeps what it printed. */

/** How a program ended. */
export interface RunResult {
  /** True if it was there and exited with 0. */
  readonly success: boolean;
  /** What it wrote to standard output. */
  readonly stdout: string;
  /** What it wrote to standard error, or why it could not be started. */
  readonly stderr: string;
}

/** Options of {@link run}. */
export interface RunOptions {
  /** Environment variables added to this process's own. */
  readonly env?: Record<string, string>;
  /** The folder to run in. */
  readonly cwd?: string;
}

/** Runs `program` to its end. A program that is not there is no success. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  try {
    const output = await new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      ...options,
    }).output();
    const decoder = new TextDecoder();
    return {
      success: output.success,
      stdout: decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr),
    };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { success: false, stdout: "", stderr: error.message };
  }
}
