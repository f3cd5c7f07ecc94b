/**
 * Measures the index alone, in a process of its own, since its memory is what
 * counts: packs of made-up scores go in, then questions are asked. One JSON
 * object a line for each size.
 *
 * @module
 */

import { openRealDisk } from "../cas/disk/real_disk.ts";
import { systemClock } from "../cas/engine/clock.ts";
import { DiskIndex } from "../cas/index/disk_index.ts";
import { emptyLocation, type IndexEntries } from "../cas/index/score_index.ts";
import { chooseCodec } from "../cli/archive/native_codec.ts";
import { processorTimeUs } from "./contenders.ts";
import { randomWords } from "./random_words.ts";

/** What came of one size. Rates are by processor time of the whole process. */
export interface IndexMeasure {
  /** Entries in the index. */
  readonly entryCount: number;
  /** Entries added, per second, since the size before. */
  readonly insertsPerSecond: number;
  /** Questions for scores that are not there, per second. */
  readonly newPerSecond: number;
  /** Pages read for each of them. */
  readonly newPages: number;
  /** Questions for scores that are there, per second, in no order. */
  readonly knownPerSecond: number;
  /** The index's own count of its memory. */
  readonly indexBytes: number;
  /** Most memory of the process so far. */
  readonly residentBytesMax: number;
  /** Longest time in which nothing else had its turn, while adding. */
  readonly stallMs: number;
  /** From closed to the first answer. */
  readonly openMs: number;
}

const PACK_ENTRIES = 4096;
const QUESTIONS = 1_000_000;
const KNOWN_QUESTIONS = 100_000;
const SEED = 1;
const OTHER_SEED = 2;

const [folder, ...sizes] = Deno.args as [string, ...string[]];
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

const scores = new Uint8Array(PACK_ENTRIES * 32);
const entries: IndexEntries = {
  count: PACK_ENTRIES,
  scores,
  offsets: Uint32Array.from({ length: PACK_ENTRIES }, (_, i) => 16 + i * 4000),
  lengths: new Uint16Array(PACK_ENTRIES).fill(4000),
  codecs: new Uint8Array(PACK_ENTRIES),
};

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
    fill(scores);
    for (let at = 0; at < scores.length; at += 32) {
      if (index.getCheaply(scores, at, location)) found++;
    }
  }
  return { seconds: (processorTimeUs(Deno.pid) - start) / 1e6, found };
}

async function measure(): Promise<void> {
  const fill = randomWords(SEED);
  let added = 0;
  let index = open();
  for (const size of sizes.map(Number)) {
    const start = processorTimeUs(Deno.pid);
    const before = added;
    stallMs = 0;
    turnMs = performance.now();
    for (; added < size; added += PACK_ENTRIES) {
      fill(scores);
      await index.addPack(added.toString(16).padStart(64, "0"), entries);
    }
    await index.flush();
    const insertSeconds = (processorTimeUs(Deno.pid) - start) / 1e6;
    const stalledMs = stallMs;
    await index.close();
    const closedMs = performance.now();
    index = open();
    index.get(scores, 0, emptyLocation());
    const openMs = performance.now() - closedMs;
    // The filters come into memory with the first questions.
    ask(index, OTHER_SEED + 1, QUESTIONS / 4);
    const pages = index.statistics.pageReads;
    const unknown = ask(index, OTHER_SEED, QUESTIONS);
    const newPages = (index.statistics.pageReads - pages) / QUESTIONS;
    const known = ask(index, SEED, KNOWN_QUESTIONS);
    if (unknown.found > 0 || known.found < KNOWN_QUESTIONS) {
      throw new Error(`Wrong answers: ${unknown.found}, ${known.found}`);
    }
    const result: IndexMeasure = {
      entryCount: added,
      insertsPerSecond: (added - before) / insertSeconds,
      newPerSecond: QUESTIONS / unknown.seconds,
      newPages,
      knownPerSecond: KNOWN_QUESTIONS / known.seconds,
      indexBytes: index.statistics.memoryBytes,
      residentBytesMax: residentBytesMax(),
      stallMs: stalledMs,
      openMs,
    };
    console.log(JSON.stringify(result));
  }
  await index.close();
}

/** As the system counts it: `VmHWM` of proc(5), in KiB. */
function residentBytesMax(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

await measure();
codec.close();
