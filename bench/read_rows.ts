/**
 * The rows about reads of what is archived, with nothing of it in memory: by a
 * client through frames, of the engine alone, and by `export`.
 *
 * @module
 */

import {
  type ArchiveBench,
  type ArchiveRow,
  DURATION_MAX_MS,
  filesBelow,
  MEBIBYTE,
  megabytes,
  withServer,
  write,
  WRITES,
} from "./archive_bench.ts";
import { TARGET } from "./contenders.ts";
import type { EngineOutcome } from "./engine_process.ts";
import {
  type CodecLimits,
  dropCaches,
  measureDiskRead,
  measureFio,
} from "./limits.ts";
import type { Load } from "./load_request.ts";
import { run } from "../setup/run.ts";

const FIO_MS = 10_000;
/** Of the blocks of a disk; more would find ever more of them in the system's cache, which fio goes past. */
const RANDOM_READ_SHARE = 0.25;
/** What `withServer` serves. */
const VOLUME = "disk";
/** A file system without a disk. */
const MEMORY_FOLDER = "/dev/shm";

type Read = (load: Load) => Promise<ReadOutcome>;

interface ReadOutcome {
  readonly requests: number;
  readonly elapsedMs: number;
  /** Of a process whose threads were looked at. */
  readonly threadUs?: number;
}

/** Reads an archive of so many incompressible bytes, which it makes first. */
export async function reads(
  bench: ArchiveBench,
  codec: CodecLimits,
): Promise<ArchiveRow[]> {
  const { byteCount } = bench;
  const folder = `${bench.folder}/reads`;
  const place = { folder, keep: true };
  await Deno.mkdir(folder);
  await withServer(
    place,
    [],
    (_, load) => write(load, { content: "random" }, byteCount),
  );
  const store = `${folder}/archive`;
  const ways: Readonly<Record<string, Read>> = {
    "engine": (load) => readEngine(store, load),
    "through frames": async (load) => {
      const { result } = await withServer(
        place,
        [],
        (_, client) => client.run({ target: TARGET, load }),
      );
      return result;
    },
  };
  const packs = filesBelow(`${store}/packs`);
  const rows = [
    ...await sequentialRows(ways, packs, codec, byteCount),
    await exportRow(store, packs, codec, byteCount),
    ...await randomRows(ways, packs, `${bench.folder}/fio`, byteCount),
  ];
  await Deno.remove(folder, { recursive: true });
  return rows;
}

/** Each row beside what the disk gave just before. */
async function sequentialRows(
  ways: Readonly<Record<string, Read>>,
  packs: readonly string[],
  codec: CodecLimits,
  byteCount: number,
): Promise<ArchiveRow[]> {
  const rows: ArchiveRow[] = [];
  for (const [way, read] of Object.entries(ways)) {
    const disk = await measureDiskRead(packs);
    await dropCaches();
    const outcome = await read({
      ...WRITES,
      kind: "read",
      regionSectors: byteCount / 512,
      durationMs: DURATION_MAX_MS,
      requestsMax: byteCount / 8192,
    });
    const bytesDone = outcome.requests * 8192;
    rows.push(rateRow(
      `read sequential, ${byteCount / MEBIBYTE} MiB, ${way}`,
      bytesDone / outcome.elapsedMs * 1000,
      disk,
      codec,
      busiest(outcome, bytesDone / 2 ** 30, "s of processor a GiB", 1e6),
    ));
  }
  return rows;
}

/** Of a whole command, what it needs to start included; to a file in memory, so that no disk has to write. */
async function exportRow(
  store: string,
  packs: readonly string[],
  codec: CodecLimits,
  byteCount: number,
): Promise<ArchiveRow> {
  const disk = await measureDiskRead(packs);
  const folder = await Deno.makeTempDir({ dir: MEMORY_FOLDER });
  try {
    await dropCaches();
    const startMs = performance.now();
    const main = new URL("../main.ts", import.meta.url).pathname;
    const image = `${folder}/image`;
    await runDeno([main, "export", VOLUME, image, "--store", `file:${store}`]);
    const elapsedMs = performance.now() - startMs;
    return rateRow(
      `export, ${byteCount / MEBIBYTE} MiB, to a file in memory`,
      byteCount / elapsedMs * 1000,
      disk,
      codec,
      "; from the start of its process to its end",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function randomRows(
  ways: Readonly<Record<string, Read>>,
  packs: readonly string[],
  path: string,
  byteCount: number,
): Promise<ArchiveRow[]> {
  await joinFiles(packs, path);
  const rows: ArchiveRow[] = [];
  for (const [way, read] of Object.entries(ways)) {
    const fio = await measureFio(path, FIO_MS / 1000);
    await dropCaches();
    const outcome = await read({
      ...WRITES,
      kind: "read",
      order: "random",
      regionSectors: byteCount / 512,
      sectorsPerRequest: 8,
      outstanding: 32,
      durationMs: DURATION_MAX_MS,
      requestsMax: Math.floor(byteCount / 4096 * RANDOM_READ_SHARE),
    });
    const { requests, elapsedMs } = outcome;
    const perSecond = requests / elapsedMs * 1000;
    const ratio = perSecond / (fio ?? NaN);
    rows.push({
      name: `read 4 KiB random, 32 outstanding, ${way}`,
      number: `${perSecond.toFixed(0)}/s`,
      limit: fio === undefined ? "no fio" : `${fio.toFixed(0)}/s`,
      ratio,
      aim: ">= 0.4",
      met: ratio >= 0.4,
      more: "beside fio, past the page cache" +
        busiest(outcome, requests, "us of processor a read", 1),
    });
  }
  await Deno.remove(path);
  return rows;
}

function rateRow(
  name: string,
  rate: number,
  disk: number,
  codec: CodecLimits,
  more: string,
): ArchiveRow {
  const limit = Math.min(0.7 * disk, codec.verify);
  return {
    name,
    number: megabytes(rate),
    limit: megabytes(limit),
    ratio: rate / limit,
    aim: ">= 1",
    met: rate >= limit,
    more: `the disk: ${megabytes(disk)}${more}`,
  };
}

/** What the busiest thread took for each of `count`, where it was looked at. */
function busiest(
  { threadUs }: ReadOutcome,
  count: number,
  unit: string,
  unitUs: number,
): string {
  if (threadUs === undefined) return "";
  return `; busiest thread ${(threadUs / unitUs / count).toFixed(1)} ${unit}`;
}

async function readEngine(
  store: string,
  load: Load,
): Promise<EngineOutcome> {
  const file = new URL("engine_process.ts", import.meta.url).pathname;
  const url = `file:${store}`;
  return JSON.parse(await runDeno([file, url, VOLUME, JSON.stringify(load)]));
}

/** What a program prints. */
async function runDeno(program: readonly string[]): Promise<string> {
  const command = ["run", "-A", ...program];
  const { success, stdout, stderr } = await run(Deno.execPath(), command);
  if (!success) throw new Error(`deno ${command.join(" ")}: ${stderr}`);
  return stdout;
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
