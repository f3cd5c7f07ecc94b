/**
 * Measures the index alone, in processes of its own, since their memory is what
 * counts: one adds packs of made-up scores, another opens what that left and
 * asks questions. Prints one JSON object.
 *
 *     index_process.ts add FOLDER FROM TO    the first FROM entries are there
 *     index_process.ts ask FOLDER
 *
 * @module
 */

import { SCORE_LENGTH } from "../cas/block_store.ts";
import { openRealDisk } from "../cas/disk/real_disk.ts";
import { systemClock } from "../cas/engine/clock.ts";
import { KEY_LENGTH } from "../cas/index/entry.ts";
import { DiskIndex } from "../cas/index/disk_index.ts";
import { emptyLocation, type IndexEntries } from "../cas/index/score_index.ts";
import { chooseCodec } from "../cli/archive/native_codec.ts";
import { processorTimeUs } from "./contenders.ts";
import { randomWords } from "./random_words.ts";

/** What came of adding. Rates are by processor time of the whole process. */
export interface IndexAdding {
  /** Entries added, per second. */
  readonly insertsPerSecond: number;
  /** Most memory of the process. */
  readonly addingBytesMax: number;
  /** Longest time in which nothing else had its turn, while adding. */
  readonly stallMs: number;
}

/** What came of asking. Rates are by processor time of the whole process. */
export interface IndexAsking {
  /** Questions for scores that are not there, per second. */
  readonly newPerSecond: number;
  /** Pages read for each of them. */
  readonly newPages: number;
  /** Questions for scores that are there, per second, in no order. */
  readonly knownPerSecond: number;
  /** The index's own count of its memory. */
  readonly indexBytes: number;
  /** Most memory of the process. */
  readonly askingBytesMax: number;
  /** From its start to the first answer. */
  readonly openMs: number;
}

const PACK_ENTRIES = 4096;
/** Scores that a checkpoint asks for at once. */
const BATCH_SCORES = 64;
const QUESTIONS = 1_000_000;
const KNOWN_QUESTIONS = 100_000;
const SEED = 1;
const OTHER_SEED = 2;

const [task, folder, ...sizes] = Deno.args as [string, string, ...string[]];
const codec = await chooseCodec();
let stallMs = 0;
let turnMs = performance.now();

function open(): DiskIndex {
  return DiskIndex.open({
    disk: openRealDisk(folder),
    identity: "bench",
    hash: (bytes) => codec.hasher.hash(bytes),
    onEvent: (event) => console.error(event.message),
    async pause(): Promise<void> {
      stallMs = Math.max(stallMs, performance.now() - turnMs);
      await systemClock.yieldNow();
      turnMs = performance.now();
    },
  });
}

/** Scores of which a pack has the beginnings; those are asked for as they stand there. */
const keys = new Uint8Array(PACK_ENTRIES * KEY_LENGTH);
const entries: IndexEntries = {
  count: PACK_ENTRIES,
  keys,
  offsets: Uint32Array.from({ length: PACK_ENTRIES }, (_, i) => 16 + i * 4000),
  lengths: new Uint16Array(PACK_ENTRIES).fill(4000),
  codecs: new Uint8Array(PACK_ENTRIES),
};

/** Scores that are asked for at once; of each only the key counts. */
const batch = new Uint8Array(BATCH_SCORES * SCORE_LENGTH);
const batchWords = new Uint32Array(batch.buffer);
const keyWords = new Uint32Array(keys.buffer);

/** Makes scores of the keys from number `first` on. */
function spreadKeys(first: number): void {
  const words = KEY_LENGTH / 4;
  for (let i = 0; i < BATCH_SCORES; i++) {
    const target = i * SCORE_LENGTH / 4;
    const at = (first + i) * words;
    for (let word = 0; word < words; word++) {
      batchWords[target + word] = keyWords[at + word] as number;
    }
  }
}

/** Asks for as many scores as `count` out of a sequence; how long it took, in seconds, and how many were there. */
function ask(
  index: DiskIndex,
  seed: number,
  count: number,
): { readonly seconds: number; readonly found: number } {
  const fill = randomWords(seed);
  const location = emptyLocation();
  const start = processorTimeUs(Deno.pid);
  let found = 0;
  for (let asked = 0; asked < count; asked += PACK_ENTRIES) {
    fill(keys);
    for (let first = 0; first < PACK_ENTRIES; first += BATCH_SCORES) {
      spreadKeys(first);
      const isNew = index.findNew(batch);
      for (let i = 0; i < BATCH_SCORES; i++) {
        if (isNew[i] === 1) continue;
        if (index.getCheaply(batch, i * SCORE_LENGTH, location)) found++;
      }
    }
  }
  return { seconds: (processorTimeUs(Deno.pid) - start) / 1e6, found };
}

async function add(from: number, to: number): Promise<IndexAdding> {
  const fill = randomWords(SEED);
  const index = open();
  for (let skipped = 0; skipped < from; skipped += PACK_ENTRIES) fill(keys);
  const start = processorTimeUs(Deno.pid);
  turnMs = performance.now();
  for (let added = from; added < to; added += PACK_ENTRIES) {
    fill(keys);
    await index.addPack(added.toString(16).padStart(64, "0"), entries);
  }
  await index.flush();
  const seconds = (processorTimeUs(Deno.pid) - start) / 1e6;
  await index.close();
  return {
    insertsPerSecond: (to - from) / seconds,
    addingBytesMax: residentBytesMax(),
    stallMs,
  };
}

async function questions(): Promise<IndexAsking> {
  const startMs = performance.now();
  const index = open();
  index.get(keys, 0, emptyLocation());
  const openMs = performance.now() - startMs;
  // The filters come into memory with the first questions.
  ask(index, OTHER_SEED + 1, QUESTIONS / 4);
  const pages = index.statistics.pageReads;
  const unknown = ask(index, OTHER_SEED, QUESTIONS);
  const newPages = (index.statistics.pageReads - pages) / QUESTIONS;
  const known = ask(index, SEED, KNOWN_QUESTIONS);
  if (unknown.found > 0 || known.found < KNOWN_QUESTIONS) {
    throw new Error(`Wrong answers: ${unknown.found}, ${known.found}`);
  }
  const indexBytes = index.statistics.memoryBytes;
  await index.close();
  return {
    newPerSecond: QUESTIONS / unknown.seconds,
    newPages,
    knownPerSecond: KNOWN_QUESTIONS / known.seconds,
    indexBytes,
    askingBytesMax: residentBytesMax(),
    openMs,
  };
}

/** As the system counts it: `VmHWM` of proc(5), in KiB. */
function residentBytesMax(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

const [from, to] = sizes.map(Number) as [number, number];
console.log(
  JSON.stringify(task === "add" ? await add(from, to) : await questions()),
);
codec.close();
