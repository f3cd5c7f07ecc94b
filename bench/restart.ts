/**
 * How long a start takes: after a kill with a full journal, and as the archive
 * grows.
 *
 * @module
 */

import { DISK_SECTORS, TARGET } from "./contenders.ts";
import type { Load } from "./load_request.ts";
import { LoadClient } from "./load_client.ts";
import { Network } from "./network.ts";
import { ServerProcess } from "./server_process.ts";

const MEBIBYTE: number = 1024 * 1024;

/** Bytes in the archive at each start that is compared: 1, 4, 16 times. */
const ARCHIVE_STEPS: readonly number[] = [64, 256, 1024];

/** Enough to outrun the checkpoints of a server that has a gigabyte to buffer. */
const JOURNAL_LOAD_MS = 12_000;

const WRITES: Omit<Load, "durationMs"> = {
  kind: "write",
  order: "sequential",
  sectorsPerRequest: 16,
  outstanding: 64,
  regionSectors: DISK_SECTORS,
};

/** One measured start. */
export interface Start {
  /** What was there. */
  readonly name: string;
  /** From the start of the process to its `ready` event. */
  readonly startMs: number;
}

/** Measures starts over an archive in `folder`. */
export async function measureStarts(folder: string): Promise<Start[]> {
  const starts: Start[] = [];
  await using network = await Network.create(9000);
  await using load = new LoadClient(network);
  const write = (bytes: number, durationMs = 120_000): Promise<unknown> =>
    load.run({
      target: TARGET,
      load: { ...WRITES, durationMs, requestsMax: bytes / 8192 },
    });
  let stored = 0;
  for (const size of ARCHIVE_STEPS) {
    const server = await start(network, folder);
    await write((size - stored) * MEBIBYTE);
    stored = size;
    await server.end("SIGTERM");
    const again = await start(network, folder);
    starts.push({ name: `archive of ${size} MiB`, startMs: again.startMs });
    await again.end("SIGTERM");
  }
  const server = await start(network, folder);
  await write(64 * 1024 * MEBIBYTE, JOURNAL_LOAD_MS);
  await server.end("SIGKILL");
  const journal = usedMebibytes(`${folder}/archive/local/journal`);
  const again = await start(network, folder);
  starts.push({
    name: `kill -9 with ${journal} MiB of journal files`,
    startMs: again.startMs,
  });
  await again.end("SIGKILL");
  return starts;
}

function start(network: Network, folder: string): Promise<ServerProcess> {
  const { shelf, slot } = TARGET;
  return ServerProcess.start(network, [
    ...["--create", "--store", `file:${folder}/archive`],
    ...["--target", `${shelf}.${slot}=disk:${DISK_SECTORS * 512}`],
  ]);
}

function usedMebibytes(folder: string): number {
  let bytes = 0;
  for (const { name } of Deno.readDirSync(folder)) {
    bytes += Deno.statSync(`${folder}/${name}`).size;
  }
  return Math.round(bytes / MEBIBYTE);
}
