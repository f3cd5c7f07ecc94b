/**
 * How an archive that is far away feels: reads of what is not on this machine
 * yet, through a store with 20 ms more for each request and 100 MB/s for all.
 *
 * @module
 */

import { TARGET } from "./contenders.ts";
import type { Load } from "./load_request.ts";
import { LoadClient } from "./load_client.ts";
import { Network } from "./network.ts";
import { ServerProcess } from "./server_process.ts";
import { slowStore } from "./slow_options.ts";

/** The store's distance. */
const LATENCY_MS = 20;
const BYTES_PER_SECOND = 100e6;
/** The disk: large enough that random reads seldom meet what came before. */
const DISK_BYTES: number = 1024 * 1024 * 1024;
const DISK_SECTORS: number = DISK_BYTES / 512;
const OUTSTANDING = 32;
/** Random reads: each brings an extent, so that few find theirs. */
const RANDOM_READS = 4000;
const DURATION_MAX_MS = 60_000;

/** What came of a load. */
export interface ColdResult {
  /** What was read. */
  readonly name: string;
  /** What it reached. */
  readonly reached: number;
  /** What the wire or the time of a request allows. */
  readonly possible: number;
  /** Of what. */
  readonly unit: string;
  /** How much of it is aimed at; absent where the number only explains others. */
  readonly aim?: number;
}

const SEQUENTIAL: Omit<Load, "durationMs"> = {
  kind: "read",
  order: "sequential",
  sectorsPerRequest: 16,
  outstanding: OUTSTANDING,
  regionSectors: DISK_SECTORS,
};

const RANDOM: Omit<Load, "durationMs"> = {
  ...SEQUENTIAL,
  order: "random",
  sectorsPerRequest: 8,
};

const FILL: Omit<Load, "durationMs"> = {
  ...SEQUENTIAL,
  kind: "write",
  content: "random",
};

/** Fills an archive in `folder`, and reads it with nothing of it at hand. */
export async function measureCold(folder: string): Promise<ColdResult[]> {
  await using network = await Network.create(9000);
  await using load = new LoadClient(network);
  const disk = `${TARGET.shelf}.${TARGET.slot}=disk`;
  const archive = `${folder}/archive`;
  const server = await ServerProcess.start(network, [
    ...["--create", "--store", `file:${archive}`],
    ...["--target", `${disk}:${DISK_BYTES}`],
  ]);
  await load.run({
    target: TARGET,
    load: {
      ...FILL,
      requestsMax: DISK_SECTORS / FILL.sectorsPerRequest + 1,
      durationMs: DURATION_MAX_MS,
    },
  });
  await server.end("SIGTERM");
  const store = await slowStore(archive, LATENCY_MS, BYTES_PER_SECOND);

  /** Reads with a server that has nothing but the store. */
  async function read(
    name: string,
    load_: Omit<Load, "durationMs">,
  ): Promise<number> {
    const cold = await ServerProcess.start(network, [
      ...store,
      ...["--read-only", "--state", `${folder}/${name}`, "--target", disk],
    ]);
    const job = { ...load_, durationMs: DURATION_MAX_MS };
    // The first read waits until the index is made, from all packs' directories.
    const one = { ...job, order: "random", outstanding: 1, requestsMax: 1 };
    await load.run({ target: TARGET, load: one as Load });
    const outcome = await load.run({ target: TARGET, load: job });
    await cold.end("SIGTERM");
    return outcome.requests / outcome.elapsedMs * 1000;
  }

  const sequential = await read("sequential", {
    ...SEQUENTIAL,
    requestsMax: DISK_SECTORS / SEQUENTIAL.sectorsPerRequest,
  });
  const random = await read("random", { ...RANDOM, requestsMax: RANDOM_READS });
  return [
    {
      name: "cold read 8 KiB sequential, 32 outstanding",
      reached: sequential * SEQUENTIAL.sectorsPerRequest * 512 / 1e6,
      possible: BYTES_PER_SECOND / 1e6,
      unit: "MB/s",
      aim: 0.8,
    },
    {
      name: "cold read 4 KiB random, 32 outstanding",
      reached: random,
      possible: OUTSTANDING / LATENCY_MS * 1000,
      unit: "reads/s",
      aim: 0.8,
    },
  ];
}
