/**
 * How long a start takes: after a kill with a full journal, and as the archive
 * grows.
 *
 * @module
 */

import { DISK_SECTORS, TARGET } from "./contenders.ts";
import type { Load } from "./load.ts";
import { LoadClient } from "./load_client.ts";
import { Network, SERVER_END } from "./network.ts";

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
    const server = await Server.start(network, folder);
    await write((size - stored) * MEBIBYTE);
    stored = size;
    await server.end("SIGTERM");
    const again = await Server.start(network, folder);
    starts.push({ name: `archive of ${size} MiB`, startMs: again.startMs });
    await again.end("SIGTERM");
  }
  const server = await Server.start(network, folder);
  await write(64 * 1024 * MEBIBYTE, JOURNAL_LOAD_MS);
  await server.end("SIGKILL");
  const journal = usedMebibytes(`${folder}/archive/local/journal`);
  const again = await Server.start(network, folder);
  starts.push({
    name: `kill -9 with ${journal} MiB of journal files`,
    startMs: again.startMs,
  });
  await again.end("SIGKILL");
  return starts;
}

class Server {
  readonly startMs: number;
  readonly #process: Deno.ChildProcess;
  readonly #drained: Promise<void>;

  private constructor(
    process: Deno.ChildProcess,
    startMs: number,
    drained: Promise<void>,
  ) {
    this.#process = process;
    this.startMs = startMs;
    this.#drained = drained;
  }

  /** Starts a server; resolves when its target answers. */
  static async start(network: Network, folder: string): Promise<Server> {
    const main = new URL("../main.ts", import.meta.url).pathname;
    const { shelf, slot } = TARGET;
    const begin = performance.now();
    const process = network.command([
      ...[Deno.execPath(), "run", "-A", main, "serve", "--json", "--create"],
      ...["--interface", SERVER_END, "--store", `file:${folder}/archive`],
      ...["--target", `${shelf}.${slot}=disk:${DISK_SECTORS * 512}`],
    ], { stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
    const ready = Promise.withResolvers<number>();
    const drained = (async (): Promise<void> => {
      const text = process.stdout.pipeThrough(new TextDecoderStream());
      for await (const piece of text) {
        if (piece.includes('"event":"ready"')) {
          ready.resolve(performance.now() - begin);
        }
      }
      ready.reject(new Error("The server ended before it was ready"));
    })();
    ready.promise.catch(() => {});
    return new Server(process, await ready.promise, drained);
  }

  async end(signal: Deno.Signal): Promise<void> {
    this.#process.kill(signal);
    await this.#process.status;
    await this.#drained;
  }
}

function usedMebibytes(folder: string): number {
  let bytes = 0;
  for (const { name } of Deno.readDirSync(folder)) {
    bytes += Deno.statSync(`${folder}/${name}`).size;
  }
  return Math.round(bytes / MEBIBYTE);
}
