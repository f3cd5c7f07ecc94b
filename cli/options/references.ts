/**
 * `${NAME}` and `${file:PATH}` in a value of the configuration: how a secret
 * stays out of it.
 *
 * @module
 */

import { UsageError } from "../usage_error.ts";

/** Where references lead; the process's own environment and disk when absent. */
export interface ReferenceSources {
  /** A variable of the environment; undefined where it is not set. */
  readonly variable: (name: string) => string | undefined;
  /** The text of a file. Throws where it cannot be read. */
  readonly file: (path: string) => string;
}

const SYSTEM_SOURCES: ReferenceSources = {
  variable: (name) => Deno.env.get(name),
  file: (path) => Deno.readTextFileSync(path),
};

const REFERENCE = /\$?\$\{([^}]*)\}/g;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The text with its references followed; `$${` stands for `${` itself. A line
 * end at the end of a file is no part of its value. Throws a `UsageError`, which
 * shows no value, for a reference that leads nowhere.
 */
export function followReferences(
  text: string,
  where: string,
  sources: ReferenceSources = SYSTEM_SOURCES,
): string {
  return text.replace(REFERENCE, (whole, target: string) => {
    if (whole.startsWith("$$")) return whole.slice(1);
    if (target.startsWith("file:")) {
      return fileValue(target.slice("file:".length), where, sources);
    }
    if (!VARIABLE.test(target)) {
      throw new UsageError(
        `${where}: \${${target}} is no reference: write \${NAME} for a variable of the environment, \${file:PATH} for a file, $\${ for the characters themselves`,
      );
    }
    const value = variableValue(target, where, sources);
    if (value !== undefined) return value;
    throw new UsageError(
      `${where}: the environment has no variable ${target}: set it, or write \${file:PATH} to read a file`,
    );
  });
}

function variableValue(
  name: string,
  where: string,
  { variable }: ReferenceSources,
): string | undefined {
  try {
    return variable(name);
  } catch (error) {
    // Deno names the permission that is missing.
    throw new UsageError(`${where}: ${(error as Error).message}`);
  }
}

function fileValue(
  path: string,
  where: string,
  { file }: ReferenceSources,
): string {
  try {
    return file(path).replace(/\r?\n$/, "");
  } catch (error) {
    throw new UsageError(
      `${where}: cannot read ${path}: ${(error as Error).message}`,
    );
  }
}
