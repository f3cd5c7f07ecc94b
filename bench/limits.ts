/**
 * What the machine allows, measured beside the server: the disk, and one core
 * with the work that no archive is spared.
 *
 * @module
 */

import { BlockCodec } from "../cas/codec/block_codec.ts";
import { chooseCodec } from "../cli/archive/native_codec.ts";
import { run } from "../setup/run.ts";
import { randomWords } from "./random_words.ts";

const BLOCK_SIZE = 4096;
const CHUNK_BYTES: number = 16 * 2 ** 20;
const CODEC_MS = 500;
const BLOCK_COUNT = 4096;

/** Bytes per second of one core. */
export interface CodecLimits {
  /** Scores alone. */
  readonly hash: number;
  /** Scores and compression of blocks that do not compress. */
  readonly storeRandom: number;
  /** The same, of blocks that compress to half. */
  readonly storeHalf: number;
  /** Decompression and verification of blocks that did not compress. */
  readonly verify: number;
}

/** Measures what one core hashes and compresses. */
export async function measureCodec(): Promise<CodecLimits> {
  const { hasher, lz4, close } = await chooseCodec();
  const codec = new BlockCodec(lz4);
  const random = blocks((block, fill) => fill(block));
  const half = blocks((block, fill) => fill(block.subarray(BLOCK_SIZE / 2)));
  const score = new Uint8Array(32);
  const hash = (block: Uint8Array): void => hasher.score(0, block, score);
  const store = (block: Uint8Array): void => {
    hash(block);
    codec.encode(block);
  };
  const limits = {
    hash: rateOf(random, hash),
    storeRandom: rateOf(random, store),
    storeHalf: rateOf(half, store),
    verify: rateOf(random, hash),
  };
  close();
  return limits;
}

/** Bytes per second that the disk takes, one after the other, each 16 MiB durable. */
export function measureDiskWrite(folder: string, byteCount: number): number {
  const path = `${folder}/limit`;
  const bytes = new Uint8Array(CHUNK_BYTES);
  randomWords(1)(bytes);
  const start = performance.now();
  using file = Deno.openSync(path, { write: true, create: true });
  for (let at = 0; at < byteCount; at += CHUNK_BYTES) {
    writeAll(file, bytes);
    file.syncDataSync();
  }
  const rate = byteCount / (performance.now() - start) * 1000;
  Deno.removeSync(path);
  return rate;
}

/** Bytes per second that the disk gives of these files, with nothing of them in memory. */
export async function measureDiskRead(
  paths: readonly string[],
): Promise<number> {
  await dropCaches();
  const bytes = new Uint8Array(2 ** 20);
  const start = performance.now();
  let byteCount = 0;
  for (const path of paths) {
    using file = Deno.openSync(path);
    for (let count; (count = file.readSync(bytes)) !== null;) {
      byteCount += count;
    }
  }
  return byteCount / (performance.now() - start) * 1000;
}

/** Random reads of 4 KiB per second that fio gets out of a file, 32 outstanding, past the page cache; undefined without fio. */
export async function measureFio(
  path: string,
  seconds: number,
): Promise<number | undefined> {
  await dropCaches();
  const options = {
    name: "limit",
    filename: path,
    rw: "randread",
    bs: "4k",
    iodepth: 32,
    ioengine: "libaio",
    direct: 1,
    runtime: seconds,
    "output-format": "json",
  };
  try {
    const { success, stdout } = await run("fio", [
      "--time_based",
      "--readonly",
      ...Object.entries(options).map(([key, value]) => `--${key}=${value}`),
    ]);
    return success ? JSON.parse(stdout).jobs[0].read.iops : undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return undefined;
  }
}

/** Lets the system forget the files that it has in memory. */
export async function dropCaches(): Promise<void> {
  await run("sync", []);
  await Deno.writeTextFile("/proc/sys/vm/drop_caches", "3");
}

function blocks(
  make: (block: Uint8Array, fill: (target: Uint8Array) => void) => void,
): Uint8Array[] {
  const fill = randomWords(2);
  return Array.from({ length: BLOCK_COUNT }, () => {
    const block = new Uint8Array(BLOCK_SIZE);
    make(block, fill);
    return block;
  });
}

function rateOf(
  work: readonly Uint8Array[],
  doOne: (block: Uint8Array) => void,
): number {
  // Once before, so that it is compiled.
  work.forEach(doOne);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < CODEC_MS) {
    work.forEach(doOne);
    count += work.length;
  }
  return count * BLOCK_SIZE / (performance.now() - start) * 1000;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    done += file.writeSync(bytes.subarray(done));
  }
}
