/** Many seeds, over all processors. */

import type { SimulationResult } from "./simulation.ts";

/** Which seeds one worker runs, and how long their runs are. */
export interface SeedRange {
  readonly first: number;
  readonly count: number;
  readonly operationCount: number;
}

/** What the seeds of a worker came to. */
export interface SeedSummary {
  readonly seedCount: number;
  readonly operationCount: number;
  readonly eventCount: number;
  readonly actions: Readonly<Record<string, number>>;
  /** Results of the seeds that failed. */
  readonly failures: readonly SimulationResult[];
}

/** Runs the seeds, each in one thread; tells after each share how it went. */
export async function runSeeds(
  range: SeedRange,
  onShare: (summary: SeedSummary) => void,
): Promise<void> {
  const threads = navigator.hardwareConcurrency;
  const share = Math.ceil(Math.min(100, range.count / threads));
  let next = range.first;
  const end = range.first + range.count;
  async function runShares(): Promise<void> {
    const worker = new Worker(new URL("./seed_worker.ts", import.meta.url), {
      type: "module",
    });
    try {
      while (next < end) {
        const first = next;
        next = Math.min(end, next + share);
        onShare(await ask(worker, { ...range, first, count: next - first }));
      }
    } finally {
      worker.terminate();
    }
  }
  await Promise.all(Array.from({ length: threads }, runShares));
}

function ask(worker: Worker, range: SeedRange): Promise<SeedSummary> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }): void => resolve(data);
    worker.onerror = (event): void => {
      event.preventDefault();
      reject(new Error(`Seeds from ${range.first} on: ${event.message}`));
    };
    worker.postMessage(range);
  });
}

/** What a person needs to go on from a failure. */
export function describeFailure(result: SimulationResult): string {
  const { seed, operationCount, failure, lastEvents } = result;
  return [
    ...lastEvents.slice(-60),
    `Seed ${seed} failed after ${operationCount} operations: ${failure}`,
    `Once more, with all events: deno run -A tests/simulation/show_run.ts ${seed} ${operationCount}`,
  ].join("\n");
}
