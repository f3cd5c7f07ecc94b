/**
 * What the rows about the archive engine have in common: where and how much is
 * measured, and a server with its load for a while.
 *
 * @module
 */

import { TARGET } from "./contenders.ts";
import type { LoadOutcome } from "./load.ts";
import { LoadClient } from "./load_client.ts";
import type { Load } from "./load_request.ts";
import { Network } from "./network.ts";
import { ServerProcess } from "./server_process.ts";

/** Bytes. */
export const MEBIBYTE: number = 2 ** 20;
/** The disk, of which the loads touch the beginning. */
export const DISK_BYTES: number = 64 * 2 ** 30;
/** No load lasts longer. */
export const DURATION_MAX_MS = 600_000;

/** How much to measure, and where. */
export interface ArchiveBench {
  /** A folder on the disk that is measured. */
  readonly folder: string;
  /** Bytes that are written at most. */
  readonly byteCount: number;
  /** What `--only` says. */
  readonly only: string;
}

/** What a row came to. */
export interface ArchiveRow {
  /** What the table calls it. */
  readonly name: string;
  /** What was reached. */
  readonly number: string;
  /** What it is compared with. */
  readonly limit: string;
  /** The one by the other. */
  readonly ratio?: number;
  /** What the ratio should be. */
  readonly aim: string;
  /** Whether it is. */
  readonly met: boolean;
  /** What else was seen. */
  readonly more: string;
}

/** Writes in order; other loads differ in some points. */
export const WRITES: Omit<Load, "durationMs"> = {
  kind: "write",
  order: "sequential",
  sectorsPerRequest: 16,
  outstanding: 64,
  regionSectors: DISK_BYTES / 512,
};

/** Runs a server on an archive for as long as `use` takes, then stops it and waits. */
export async function withServer<Result>(
  place: { readonly folder: string; readonly keep?: boolean },
  options: readonly string[],
  use: (server: ServerProcess, load: LoadClient) => Promise<Result>,
): Promise<{ readonly result: Result; readonly endMs: number }> {
  await using network = await Network.create(9000);
  await using load = new LoadClient(network);
  const archive = `${place.folder}/archive`;
  const server = await ServerProcess.start(network, [
    ...["--create", "--store", `file:${archive}`],
    ...["--target", `${TARGET.shelf}.${TARGET.slot}=disk:${DISK_BYTES}`],
    ...options,
  ]);
  let endMs = 0;
  try {
    const result = await use(server, load);
    endMs = performance.now();
    await server.end("SIGTERM");
    endMs = performance.now() - endMs;
    if (place.keep !== true) await Deno.remove(archive, { recursive: true });
    return { result, endMs };
  } catch (error) {
    await server.end("SIGKILL");
    throw error;
  }
}

/** Writes so many bytes. */
export function write(
  client: LoadClient,
  load: Partial<Load>,
  byteCount: number,
): Promise<LoadOutcome> {
  const { sectorsPerRequest } = { ...WRITES, ...load };
  return client.run({
    target: TARGET,
    load: {
      ...WRITES,
      ...load,
      durationMs: DURATION_MAX_MS,
      requestsMax: Math.ceil(byteCount / 512 / sectorsPerRequest),
    },
  });
}

/** All files below a folder, at any depth. */
export function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

/** A rate in words. */
export function megabytes(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
}
