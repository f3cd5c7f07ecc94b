/**
 * What a plugin says of itself, found out without trusting it: its module runs
 * in a process that has no permission to do anything.
 *
 * @module
 */

import { blobErrorCode } from "../../blobstores/blob_store.ts";
import type { BlobStorePlugin } from "../../blobstores/plugin.ts";
import { checkPlugin } from "../../plugins/contract.ts";
import type { ProcessAnswer } from "./plugin_describe_process.ts";

/** How long a module may take to say what it is. */
const DESCRIBE_TIMEOUT_MS = 30_000;

const SCHEME = /^[a-z][a-z0-9+.-]*$/;

/** What a plugin declares. */
export type PluginDescription = Pick<BlobStorePlugin, "schemes" | "options">;

/** What came of asking. */
export type DescribeResult =
  | { readonly description: PluginDescription }
  /** The module is no plugin. */
  | { readonly fault: string }
  /** It could not be asked here. */
  | { readonly unknown: string };

/** Whom to ask. */
export interface DescribedModule {
  /** Its name in messages; of a package what to import. */
  readonly name: string;
  /** Its text; none for a package. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Flags of `deno run`. */
  readonly flags: readonly string[];
  /** Variables for the process, beside those of this one. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Flags for a module that may import nothing. */
export const SELF_CONTAINED: readonly string[] = [
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
];

/** Asks a module. */
export async function describePlugin(
  module: DescribedModule,
): Promise<DescribeResult> {
  if (Deno.build.standalone) {
    return { unknown: "a compiled program cannot run a module apart" };
  }
  let text: string;
  try {
    text = await runApart(module);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    return { unknown: `running it apart needs --allow-run (${error.message})` };
  }
  return judge(text, module.name);
}

async function runApart(
  { name, bytes, flags, env = {} }: DescribedModule,
): Promise<string> {
  const script = new URL("./plugin_describe_process.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      ...flags,
      script.href,
      name,
    ],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), DESCRIBE_TIMEOUT_MS);
  try {
    const writing = new Blob([bytes]).stream().pipeTo(child.stdin)
      // One that ends early is judged by what it printed.
      .catch(() => undefined);
    const { stdout } = await child.output();
    await writing;
    return new TextDecoder().decode(stdout);
  } finally {
    clearTimeout(timer);
  }
}

function judge(text: string, name: string): DescribeResult {
  const answer = parseAnswer(text.trimEnd().split("\n").at(-1) ?? "");
  if (answer === null) {
    return {
      fault: `Cannot load the plugin ${name}: it ends or hangs the process`,
    };
  }
  if ("error" in answer) return { fault: printable(answer.error) };
  const { declared, opens } = answer;
  const plugin = { ...declared, ...(opens ? { open: () => {} } : {}) };
  const { schemes } = declared;
  const named = Array.isArray(schemes) && schemes.length > 0 &&
    schemes.every((scheme) =>
      typeof scheme === "string" && SCHEME.test(scheme)
    );
  if (!named) {
    return {
      fault: `Cannot use ${name}: its \`schemes\` are no list of URL schemes`,
    };
  }
  try {
    const origin = { name, scheme: String(schemes[0]) };
    return { description: checkPlugin({ default: plugin }, origin) };
  } catch (error) {
    if (blobErrorCode(error) !== "InvalidConfig") throw error;
    return { fault: (error as Error).message };
  }
}

function parseAnswer(line: string): ProcessAnswer | null {
  try {
    const answer = JSON.parse(line) as ProcessAnswer | null;
    if (typeof answer !== "object" || answer === null) return null;
    if ("error" in answer) return { error: String(answer.error) };
    return { declared: Object(answer.declared), opens: answer.opens };
  } catch {
    return null;
  }
}

/** A stranger's text without what a terminal would take for commands. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, " ");
}
