/** The one way in which the setup scripts speak to the user. */

/** Prints one line to standard error, so that standard output stays clean. */
export function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}
