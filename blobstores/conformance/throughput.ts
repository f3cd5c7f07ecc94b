/**
 * How fast a store is, and what settings follow from it.
 *
 * @module
 */

import type { BlobStore } from "../blob_store.ts";
import { bytesOf } from "./check.ts";

/** As large as a pack that is full. */
const BLOB_BYTES = 16 * 2 ** 20;
const BLOCK_BYTES = 4096;
/** How long one figure is measured at most, beside what is under way. */
const ROUND_MS = 700;
const LATENCY_SAMPLES = 20;
/** More at once is of use only if it brings so much more. */
const WORTHWHILE = 1.1;

/** One figure. */
export interface RoundReport {
  /** Operations at once. */
  readonly concurrency: number;
  /** Bytes a second, all together. */
  readonly bytesPerSecond: number;
}

/** How fast a store is. Plain JSON. */
export interface ThroughputReport {
  /** Middle time of reading 4 KiB alone, in milliseconds. */
  readonly readLatencyMs: number;
  /** Middle time of storing 4 KiB alone, in milliseconds. */
  readonly writeLatencyMs: number;
  /** Storing blobs of 16 MiB. */
  readonly uploads: readonly RoundReport[];
  /** Reading blobs of 16 MiB. */
  readonly downloads: readonly RoundReport[];
  /** Settings that follow. */
  readonly suggestions: {
    /** Fewest operations at once that reach nine tenths of the best rate. */
    readonly concurrency: number;
    /** Seconds after which an operation has certainly failed. */
    readonly timeoutSeconds: number;
  };
}

/** How to measure. */
export interface MeasureOptions {
  /** What all keys begin with. */
  readonly prefix: string;
  /** Time in milliseconds. */
  readonly nowMs: () => number;
  /** Bytes of a large blob; 16 MiB when absent. */
  readonly blobBytes?: number;
}

/** Measures a store. It takes some ten seconds. */
export async function measureStore(
  store: BlobStore,
  options: MeasureOptions,
): Promise<ThroughputReport> {
  const { prefix, nowMs, blobBytes = BLOB_BYTES } = options;
  const body = bytesOf(blobBytes, 7);
  const block = body.slice(0, Math.min(BLOCK_BYTES, blobBytes));
  let count = 0;
  const writeLatencyMs = await latencyOf(
    nowMs,
    () => store.put(`${prefix}small-${count++}`, block),
  );
  const readLatencyMs = await latencyOf(
    nowMs,
    () => store.get(`${prefix}small-0`),
  );
  const levels = levelsOf(store.capabilities.concurrencyMax);
  const uploads: RoundReport[] = [];
  const downloads: RoundReport[] = [];
  for (const concurrency of levels) {
    let number = 0;
    const round = { concurrency, nowMs, byteCount: blobBytes };
    uploads.push(
      await rateOf(round, () => {
        return store.put(`${prefix}large-${number++ % concurrency}`, body);
      }),
    );
    downloads.push(
      await rateOf(round, async () => {
        await store.get(`${prefix}large-${number++ % concurrency}`);
      }),
    );
  }
  const slowestMs = Math.max(writeLatencyMs, readLatencyMs);
  return {
    readLatencyMs,
    writeLatencyMs,
    uploads,
    downloads,
    suggestions: {
      concurrency: Math.max(enough(uploads), enough(downloads)),
      timeoutSeconds: Math.max(120, Math.ceil(slowestMs / 10)),
    },
  };
}

/** 1, 4, 16 … as far as the store takes them. */
function levelsOf(concurrencyMax: number): number[] {
  const levels = [1, 4, 16].filter((level) => level < concurrencyMax);
  return concurrencyMax <= 16 ? [...levels, concurrencyMax] : levels;
}

/** The fewest at once beyond which more bring little. */
function enough(rounds: readonly RoundReport[]): number {
  const best = Math.max(...rounds.map((it) => it.bytesPerSecond));
  const first = rounds.find((it) => it.bytesPerSecond * WORTHWHILE >= best);
  return first?.concurrency ?? 1;
}

async function latencyOf(
  nowMs: () => number,
  operation: () => Promise<unknown>,
): Promise<number> {
  const times: number[] = [];
  for (let sample = 0; sample < LATENCY_SAMPLES; sample++) {
    const startMs = nowMs();
    await operation();
    times.push(nowMs() - startMs);
  }
  times.sort((left, right) => left - right);
  return times[LATENCY_SAMPLES / 2]!;
}

interface Round {
  readonly concurrency: number;
  readonly nowMs: () => number;
  readonly byteCount: number;
}

/** Runs an operation for some seconds, and for each worker at least once. */
async function rateOf(
  { concurrency, nowMs, byteCount }: Round,
  operation: () => Promise<void>,
): Promise<RoundReport> {
  const startMs = nowMs();
  let done = 0;
  const work = async (): Promise<void> => {
    do {
      await operation();
      done++;
    } while (nowMs() - startMs < ROUND_MS);
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const durationMs = Math.max(1, nowMs() - startMs);
  return {
    concurrency,
    bytesPerSecond: Math.round(done * byteCount * 1000 / durationMs),
  };
}
