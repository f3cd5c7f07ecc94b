/**
 * The program: `deno run -A main.ts help` says what it does.
 *
 * @module
 */

import { main } from "./cli/main.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
