/**
 * Reads an archive through its disk, as the server puts both together, in a
 * process that has nothing at hand: without frames, and without anybody who
 * makes them on the other core. Prints one JSON object.
 *
 *     engine_process.ts STORE_URL VOLUME LOAD    a `Load` as JSON
 *
 * @module
 */

import type { BlockDevice } from "../aoe/block_device.ts";
import { openArchiveOnThread } from "../cli/archive/archive_worker.ts";
import { openServingArchive } from "../cli/serving/serving_archive.ts";
import { busiestThreadUs, threadTimesUs } from "./contenders.ts";
import type { Load } from "./load_request.ts";

/** What came of the reads. */
export interface EngineOutcome {
  /** Requests answered. */
  readonly requests: number;
  /** From the first to the last. */
  readonly elapsedMs: number;
  /** Processor time meanwhile of the thread that took most. */
  readonly threadUs: number;
}

/** Reads as the load says, as many requests at once as are to be outstanding. */
async function read(device: BlockDevice, load: Load): Promise<EngineOutcome> {
  const { sectorsPerRequest: sectorCount, order, regionSectors } = load;
  const { requestsMax = Infinity } = load;
  const placeCount = Math.floor(regionSectors / sectorCount);
  const before = threadTimesUs(Deno.pid);
  const startMs = performance.now();
  const endMs = startMs + load.durationMs;
  let begun = 0;
  let requests = 0;
  async function readOn(): Promise<void> {
    const into = new Uint8Array(sectorCount * 512);
    while (begun < requestsMax && performance.now() < endMs) {
      const place = order === "sequential"
        ? begun % placeCount
        : Math.floor(Math.random() * placeCount);
      begun++;
      const range = { lba: place * sectorCount, sectorCount };
      if (!device.readNow(range, into, 0)) await device.read(range, into, 0);
      requests++;
    }
  }
  await Promise.all(Array.from({ length: load.outstanding }, readOn));
  const elapsedMs = performance.now() - startMs;
  return {
    requests,
    elapsedMs,
    threadUs: busiestThreadUs(Deno.pid, before),
  };
}

const [storeUrl, volume, load] = Deno.args as [string, string, string];
const archive = await openServingArchive({
  storeUrl,
  create: false,
  openPort: openArchiveOnThread,
  access: "serve",
  onEvent: ({ severity, message }) => {
    if (severity !== "info") console.error(message);
  },
});
const device = await archive.front.openVolume({ volume });
const outcome = await read(device, JSON.parse(load) as Load);
await archive.close();
console.log(JSON.stringify(outcome));
