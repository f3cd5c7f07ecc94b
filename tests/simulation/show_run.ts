/** Shows what happens in one run: `deno run -A tests/simulation/show_run.ts SEED OPERATIONS`. */

import { simulate } from "./simulation.ts";

const [seed = 1, operationCount = 60] = Deno.args.map(Number);
const result = await simulate({ seed, operationCount });
console.log(result.lastEvents.join("\n"));
console.log(`${result.eventCount} events, hash ${result.logHash}`);
console.log(result.failure ?? "Nothing is wrong.");
