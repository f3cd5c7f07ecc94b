/** Runs seeds in a thread of its own. */

import type { SeedRange, SeedSummary } from "./seeds.ts";
import type { SimulationResult } from "./simulation.ts";

/** This thread's end, as the types of a page do not know it. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<SeedRange>) => Promise<void>;
  postMessage(summary: SeedSummary): void;
};

/** More failures of one thread say little more. */
const FAILURES_MAX = 3;

// Imported below: the first message comes before what it waits for is there.
let simulate: typeof import("./simulation.ts").simulate;

scope.onmessage = async ({ data }): Promise<void> => {
  ({ simulate } = await import("./simulation.ts"));
  const failures: SimulationResult[] = [];
  const actions: Record<string, number> = {};
  let operationCount = 0;
  let eventCount = 0;
  for (let seed = data.first; seed < data.first + data.count; seed++) {
    const result = await simulate({
      seed,
      operationCount: data.operationCount,
    });
    operationCount += result.operationCount;
    eventCount += result.eventCount;
    for (const [name, count] of Object.entries(result.actions)) {
      actions[name] = (actions[name] ?? 0) + count;
    }
    if (result.failure !== undefined && failures.length < FAILURES_MAX) {
      failures.push(await shortest(result));
    }
  }
  const summary: SeedSummary = {
    seedCount: data.count,
    operationCount,
    eventCount,
    actions,
    failures,
  };
  scope.postMessage(summary);
};

/** The same failure after fewer operations, where only the look at the end found it. */
async function shortest(failed: SimulationResult): Promise<SimulationResult> {
  let found = failed;
  let low = 0;
  while (found.operationCount - low > 1) {
    const middle = Math.floor((low + found.operationCount) / 2);
    const result = await simulate({
      seed: failed.seed,
      operationCount: middle,
    });
    if (result.failure === undefined) low = middle;
    else found = result;
  }
  return found;
}
