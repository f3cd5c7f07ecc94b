/**
 * Tells what a plugin says of itself, in a process of its own that may do
 * nothing: module on stdin, one line of JSON on stdout.
 *
 * @module
 */

import { importBytes } from "../plugins/import_module.ts";

/** What this process answers. */
export type ProcessAnswer =
  | { readonly error: string }
  | {
    readonly members: Readonly<Record<string, unknown>>;
    /** Names of its members that are functions. */
    readonly functions: readonly string[];
  };

async function describe(name: string): Promise<ProcessAnswer> {
  try {
    const bytes = await new Response(Deno.stdin.readable).bytes();
    const module = await importBytes(bytes, { name });
    const plugin = (module as { default?: unknown }).default;
    if (typeof plugin !== "object" || plugin === null) {
      return { members: {}, functions: [] };
    }
    const members = Object.entries(plugin);
    return {
      members: Object.fromEntries(
        members.filter(([, value]) => typeof value !== "function"),
      ),
      functions: members.filter(([, value]) => typeof value === "function")
        .map(([member]) => member)
        .concat("open" in plugin ? ["open"] : []),
    };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

if (import.meta.main) {
  const answer = await describe(Deno.args[0] ?? "");
  // On a line of its own, behind whatever the plugin printed.
  console.log(`\n${JSON.stringify(answer)}`);
  Deno.exit(0);
}
