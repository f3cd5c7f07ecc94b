/**
 * Tells what a plugin says of itself, in a process of its own that may do
 * nothing: a module on stdin, or the name of a package; one line of JSON on stdout.
 *
 * @module
 */

import { importBytes } from "../../plugins/import_module.ts";
import { isPackage } from "../../plugins/package_lock.ts";

/** What this process answers. */
export type ProcessAnswer =
  | { readonly error: string }
  | {
    /** What the plugin declares; whatever of it can be JSON. */
    readonly declared: {
      readonly apiVersion?: unknown;
      readonly schemes?: unknown;
      readonly options?: unknown;
    };
    /** It has a function `open`. */
    readonly opens: boolean;
  };

async function describe(name: string): Promise<ProcessAnswer> {
  try {
    const bytes = await new Response(Deno.stdin.readable).bytes();
    const module = isPackage(name)
      ? await import(name)
      : await importBytes(bytes, { name });
    const plugin = (module as { default?: unknown }).default;
    const { apiVersion, schemes, options, open } = Object(plugin);
    return {
      declared: { apiVersion, schemes, options },
      opens: typeof open === "function",
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
