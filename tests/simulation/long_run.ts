/**
 * A long simulation: `deno run -A tests/simulation/long_run.ts SEED COUNT` runs
 * COUNT operations in runs of seeds from SEED on, on all processors. Prints a
 * line now and then, and a summary in JSON at the end; fails if a run does.
 */

import { describeFailure, runSeeds, type SeedSummary } from "./seeds.ts";

/** Long enough for every kind of trouble to meet every other; short enough to read. */
const OPERATIONS_PER_SEED = 100;

const [first = 1, operationCount = 1_000_000] = Deno.args.map(Number);
const count = Math.ceil(operationCount / OPERATIONS_PER_SEED);
const actions: Record<string, number> = {};
const total = { seedCount: 0, operationCount: 0, eventCount: 0, failed: 0 };

function note(summary: SeedSummary): void {
  total.seedCount += summary.seedCount;
  total.operationCount += summary.operationCount;
  total.eventCount += summary.eventCount;
  total.failed += summary.failures.length;
  for (const [name, times] of Object.entries(summary.actions)) {
    actions[name] = (actions[name] ?? 0) + times;
  }
  for (const failure of summary.failures) console.log(describeFailure(failure));
  const { seedCount, failed } = total;
  console.log(`${seedCount} of ${count} seeds, ${failed} failed`);
}

await runSeeds({ first, count, operationCount: OPERATIONS_PER_SEED }, note);
console.log(JSON.stringify({ first, ...total, actions }));
if (total.failed > 0) Deno.exit(1);
