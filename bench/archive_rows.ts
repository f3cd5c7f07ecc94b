/**
 * The rows about the archive engine: writes from frame to pack, reads of what
 * is archived, space and memory, each beside what disk and processor allow.
 *
 * @module
 */

import {
  type ArchiveBench,
  type ArchiveRow,
  DISK_BYTES,
  filesBelow,
  MEBIBYTE,
  megabytes,
  withServer,
  write,
} from "./archive_bench.ts";
import { formatColumns } from "./columns.ts";
import { busiestThreadUs, threadTimesUs } from "./contenders.ts";
import { type CodecLimits, measureCodec, measureDiskWrite } from "./limits.ts";
import type { LoadOutcome } from "./load.ts";
import type { Load } from "./load_request.ts";
import type { LoadClient } from "./load_client.ts";
import { reads } from "./read_rows.ts";
import type { ServerProcess } from "./server_process.ts";

/** What `--only` calls them. */
const ARCHIVE_NAMES = {
  writes: "archive: sustained unique writes, incompressible, half-compressible",
  duplicates: "archive: sustained duplicate writes",
  reads: "archive: reads of archived data, page cache dropped",
  space: "archive: space",
  memory: "archive: memory stays inside --memory",
} as const;

/** Distinct requests of 8 KiB among duplicates: 64 MiB. */
const DISTINCT = 8192;
const MEMORY = "512MiB";

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
      it.ratio?.toPrecision(3) ?? "",
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
  const before = threadTimesUs(pid);
  const outcome = await write(client, load, byteCount);
  const threadUs = busiestThreadUs(pid, before);
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

/** As the system counts it: `VmHWM` of proc(5), in KiB. */
function residentBytesMax(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
}
