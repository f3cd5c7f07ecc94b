/**
 * The rows about the archive engine: writes from frame to pack, reads of what
 * is archived, space and memory, each beside what disk and processor allow.
 *
 * @module
 */

import { formatColumns } from "./columns.ts";
import { busiestThreadUs, TARGET } from "./contenders.ts";
import {
  type CodecLimits,
  dropCaches,
  measureCodec,
  measureDiskRead,
  measureDiskWrite,
  measureFio,
} from "./limits.ts";
import type { LoadOutcome } from "./load.ts";
import type { Load } from "./load_request.ts";
import { LoadClient } from "./load_client.ts";
import { Network } from "./network.ts";
import { ServerProcess } from "./server_process.ts";

/** What `--only` calls them. */
const ARCHIVE_NAMES = {
  writes: "archive: sustained unique writes, incompressible, half-compressible",
  duplicates: "archive: sustained duplicate writes",
  reads: "archive: reads of archived data, page cache dropped",
  space: "archive: space",
  memory: "archive: memory stays inside --memory",
} as const;

const MEBIBYTE: number = 2 ** 20;
const DISK_BYTES: number = 64 * 2 ** 30;
const DURATION_MAX_MS = 600_000;
/** Distinct requests of 8 KiB among duplicates: 64 MiB. */
const DISTINCT = 8192;
const RANDOM_READ_MS = 10_000;
const MEMORY = "512MiB";

const WRITES: Omit<Load, "durationMs"> = {
  kind: "write",
  order: "sequential",
  sectorsPerRequest: 16,
  outstanding: 64,
  regionSectors: DISK_BYTES / 512,
};

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
interface ArchiveRow {
  readonly name: string;
  readonly number: string;
  readonly limit: string;
  readonly ratio?: number;
  readonly aim: string;
  readonly met: boolean;
  readonly more: string;
}

/** Measures the rows that are asked for and prints a table. */
export async function measureArchive(bench: ArchiveBench): Promise<void> {
  const wanted = (name: string): boolean => name.includes(bench.only);
  if (!Object.values(ARCHIVE_NAMES).some(wanted)) return;
  const codec = await measureCodec();
  const rows: ArchiveRow[] = [];
  if (wanted(ARCHIVE_NAMES.writes)) rows.push(...await writes(bench, codec));
  if (wanted(ARCHIVE_NAMES.duplicates)) {
    rows.push(...await duplicates(bench, codec));
  }
  if (wanted(ARCHIVE_NAMES.reads)) rows.push(...await reads(bench, codec));
  if (wanted(ARCHIVE_NAMES.space)) rows.push(...await space(bench));
  if (wanted(ARCHIVE_NAMES.memory)) rows.push(await memory(bench));
  console.log("\nArchive engine:");
  console.log(formatColumns([
    ["what", "number", "limit", "ratio", "aim", "", "beside it"],
    ...rows.map((it) => [
      it.name,
      it.number,
      it.limit,
      it.ratio?.toFixed(2) ?? "",
      it.aim,
      it.met ? "met" : "MISSED",
      it.more,
    ]),
  ]));
}

/** Unique writes, growing 16 times, from the first frame to the last pack. */
async function writes(
  bench: ArchiveBench,
  codec: CodecLimits,
): Promise<ArchiveRow[]> {
  const rows: ArchiveRow[] = [];
  for (const content of ["random", "half"] as const) {
    const core = content === "random" ? codec.storeRandom : codec.storeHalf;
    for (const share of content === "random" ? [16, 4, 1] : [1]) {
      const byteCount = bench.byteCount / share;
      const disk = measureDiskWrite(bench.folder, 512 * MEBIBYTE);
      const taken = await withServer(bench, [], (server, load) => {
        return measureWrite(server, load, { content }, byteCount);
      });
      const limit = Math.min(0.3 * core, 0.4 * disk);
      const name = `unique, ${content}, ${byteCount / MEBIBYTE} MiB`;
      rows.push(writeRow(name, byteCount, limit, taken));
    }
  }
  return rows;
}

async function duplicates(
  bench: ArchiveBench,
  codec: CodecLimits,
): Promise<ArchiveRow[]> {
  const { byteCount } = bench;
  const load = { content: "random", distinctRequests: DISTINCT } as const;
  const taken = await withServer(bench, [], async (server, client) => {
    // What is repeated has to be stored once.
    await write(client, load, DISTINCT * 8192);
    return await measureWrite(server, client, load, byteCount);
  });
  const name = `duplicate, ${byteCount / MEBIBYTE} MiB`;
  return [writeRow(name, byteCount, 0.25 * codec.hash, taken)];
}

interface MeasuredWrite {
  readonly outcome: LoadOutcome;
  /** Most memory of the server so far. */
  readonly memory: number;
  /** Processor time of its busiest thread while it wrote: what would limit it on a machine that has nothing else to do. */
  readonly threadUs: number;
}

interface Taken {
  readonly result: MeasuredWrite;
  /** From the last reply until everything was in packs and the server had ended. */
  readonly endMs: number;
}

async function measureWrite(
  { pid }: ServerProcess,
  client: LoadClient,
  load: Partial<Load>,
  byteCount: number,
): Promise<MeasuredWrite> {
  const before = busiestThreadUs(pid);
  const outcome = await write(client, load, byteCount);
  const threadUs = busiestThreadUs(pid) - before;
  return { outcome, memory: residentBytesMax(pid), threadUs };
}

function writeRow(
  name: string,
  byteCount: number,
  limit: number,
  { result, endMs }: Taken,
): ArchiveRow {
  const { elapsedMs, p999Us, slowestUs, resent } = result.outcome;
  const rate = byteCount / (elapsedMs + endMs) * 1000;
  const latencies = `p99.9 ${(p999Us / 1000).toFixed(0)} ms, slowest ${
    (slowestUs / 1000).toFixed(0)
  } ms, ${resent} sent again`;
  const isFast = p999Us < 100_000 && slowestUs < 400_000;
  return {
    name,
    number: megabytes(rate),
    limit: megabytes(limit),
    ratio: rate / limit,
    aim: ">= 1",
    met: rate >= limit && isFast,
    more: `${latencies}; busiest thread ${
      (result.threadUs / byteCount * 2 ** 30 / 1e6).toFixed(1)
    } s of processor a GiB, last packs and stop ${
      (endMs / 1000).toFixed(1)
    } s; ${(result.memory / MEBIBYTE).toFixed(0)} MiB of memory`,
  };
}

async function reads(
  bench: ArchiveBench,
  codec: CodecLimits,
): Promise<ArchiveRow[]> {
  const { folder, byteCount } = bench;
  const archive = `${folder}/reads`;
  const place = { ...bench, folder: archive, keep: true };
  await Deno.mkdir(archive);
  await withServer(
    place,
    [],
    (_, load) => write(load, { content: "random" }, byteCount),
  );
  const packs = filesBelow(`${archive}/archive/packs`);
  const disk = await measureDiskRead(packs);
  const limit = Math.min(0.7 * disk, codec.verify);
  const region = { regionSectors: byteCount / 512 };
  await dropCaches();
  const sequential = await withServer(place, [], (_, load) =>
    load.run({
      target: TARGET,
      load: {
        ...WRITES,
        ...region,
        kind: "read",
        durationMs: DURATION_MAX_MS,
        requestsMax: byteCount / 8192,
      },
    }));
  const { requests, elapsedMs } = sequential.result;
  const rate = requests * 8192 / elapsedMs * 1000;
  const path = `${folder}/fio`;
  await joinFiles(packs, path);
  const fio = await measureFio(path, RANDOM_READ_MS / 1000);
  await Deno.remove(path);
  await dropCaches();
  const random = await withServer(place, [], (_, load) =>
    load.run({
      target: TARGET,
      load: {
        ...WRITES,
        ...region,
        kind: "read",
        order: "random",
        sectorsPerRequest: 8,
        outstanding: 32,
        durationMs: RANDOM_READ_MS,
      },
    }));
  await Deno.remove(archive, { recursive: true });
  const perSecond = random.result.requests / random.result.elapsedMs * 1000;
  const ratio = perSecond / (fio ?? NaN);
  return [{
    name: `read sequential, ${byteCount / MEBIBYTE} MiB`,
    number: megabytes(rate),
    limit: megabytes(limit),
    ratio: rate / limit,
    aim: ">= 1",
    met: rate >= limit,
    more: `the disk: ${megabytes(disk)}`,
  }, {
    name: "read 4 KiB random, 32 outstanding",
    number: `${perSecond.toFixed(0)}/s`,
    limit: fio === undefined ? "no fio" : `${fio.toFixed(0)}/s`,
    ratio,
    aim: ">= 0.4",
    met: ratio >= 0.4,
    more: "beside fio, past the page cache",
  }];
}

async function space(bench: ArchiveBench): Promise<ArchiveRow[]> {
  const rows: ArchiveRow[] = [];
  const orders = { sequential: 0.015, random: 2.5 };
  for (const [order, aim] of Object.entries(orders)) {
    const byteCount = order === "random" ? 64 * MEBIBYTE : 512 * MEBIBYTE;
    const archive = `${bench.folder}/space`;
    await Deno.mkdir(archive);
    const place = { ...bench, folder: archive, keep: true };
    const sectorsPerRequest = order === "random" ? 8 : 16;
    await withServer(place, [], (_, load) =>
      write(load, {
        content: "random",
        order: order as Load["order"],
        sectorsPerRequest,
      }, byteCount));
    const stored = ["packs", "roots"].flatMap((it) =>
      filesBelow(`${archive}/archive/${it}`)
    ).reduce((sum, path) => sum + Deno.statSync(path).size, 0);
    await Deno.remove(archive, { recursive: true });
    const ratio = stored / byteCount - 1;
    rows.push({
      name: `beside the data, ${order} over ${DISK_BYTES / 2 ** 30} GiB`,
      number: `${((stored - byteCount) / MEBIBYTE).toFixed(1)} MiB`,
      limit: `${byteCount / MEBIBYTE} MiB`,
      ratio,
      aim: `<= ${aim}`,
      met: ratio <= aim,
      more: "packs and roots",
    });
  }
  return rows;
}

/** Half of what is written was written before. */
async function memory(bench: ArchiveBench): Promise<ArchiveRow> {
  const options = ["--memory", MEMORY];
  const { result } = await withServer(bench, options, async (server, load) => {
    const unique = { content: "random" } as const;
    const repeated = { ...unique, distinctRequests: DISTINCT } as const;
    const step = Math.min(bench.byteCount / 2, 256 * MEBIBYTE);
    for (let done = 0; done < bench.byteCount; done += 2 * step) {
      await write(load, unique, step);
      await write(load, repeated, step);
    }
    return residentBytesMax(server.pid);
  });
  const limit = 512 * MEBIBYTE;
  return {
    name: `memory, ${bench.byteCount / MEBIBYTE} MiB, half of them duplicates`,
    number: `${(result / MEBIBYTE).toFixed(0)} MiB`,
    limit: MEMORY,
    ratio: result / limit,
    aim: "<= 1",
    met: result <= limit,
    more: "most of the process at any time",
  };
}

/** Runs a server on an archive for as long as `use` takes, then stops it and waits. */
async function withServer<Result>(
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

function write(
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

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

/** One file with the bytes of all, for what reads one file. */
async function joinFiles(
  paths: readonly string[],
  target: string,
): Promise<void> {
  using joined = await Deno.open(target, { write: true, create: true });
  for (const path of paths) {
    const bytes = await Deno.readFile(path);
    for (let done = 0; done < bytes.length;) {
      done += await joined.write(bytes.subarray(done));
    }
  }
}

/** As the system counts it: `VmHWM` of proc(5), in KiB. */
function residentBytesMax(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

function megabytes(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
}
