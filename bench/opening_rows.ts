/**
 * A machine without an index opens a large archive: with copies of the index in
 * the store, and without.
 *
 * @module
 */

import { openRealDisk } from "../cas/disk/real_disk.ts";
import { systemClock } from "../cas/engine/clock.ts";
import { DiskIndex } from "../cas/index/disk_index.ts";
import { openPacks } from "../cas/packs/open_packs.ts";
import { chooseCodec } from "../cli/archive/native_codec.ts";
import { formatColumns } from "./columns.ts";
import { processorTimeUs } from "./contenders.ts";
import { SyntheticPacks } from "./synthetic_packs.ts";

/** What `--only` calls it. */
export const OPENING_NAME = "opening an archive of 1 TiB without an index";

/** Packs of 20 MiB: 32 GiB, a 32nd of 1 TiB. With fewer an index has little to merge. */
const PACK_COUNT = 1640;
const SCALE = 32;
const LATENCY_MS = 20;
const BYTES_PER_SECOND = 100e6;
const GIBIBYTE = 2 ** 30;

/** Measures 32 GiB in `folder`, and prints what 1 TiB comes to. */
export async function measureOpening(folder: string): Promise<void> {
  const rows: string[][] = [];
  for (const copies of [false, true]) rows.push(await open(folder, copies));
  console.log(
    `\n${OPENING_NAME}, from a store with ${LATENCY_MS} ms and ${
      BYTES_PER_SECOND / 1e6
    } MB/s; ${PACK_COUNT} packs, times ${SCALE}:`,
  );
  console.log(formatColumns([
    ["index from", "requests", "GiB", "processor s", "by the clock s"],
    ...rows,
  ]));
}

async function open(folder: string, copies: boolean): Promise<string[]> {
  const codec = await chooseCodec();
  const { hasher, lz4 } = codec;
  const store = new SyntheticPacks({
    hasher,
    packCount: PACK_COUNT,
    copies,
    latencyMs: LATENCY_MS,
    bytesPerSecond: BYTES_PER_SECOND,
  });
  const packs = openPacks({
    store,
    index: DiskIndex.open({
      disk: openRealDisk(`${folder}/opening-${copies}`),
      identity: "bench",
      hash: hasher.hash,
      onEvent: ({ message, severity }) => {
        if (severity !== "info") throw new Error(message);
      },
      pause: systemClock.yieldNow,
    }),
    hasher,
    lz4,
    onEvent: ({ message, severity }) => {
      if (severity !== "info") throw new Error(message);
    },
    sleep: systemClock.sleep,
  });
  const startUs = processorTimeUs(Deno.pid);
  const startMs = performance.now();
  await packs.fill();
  const seconds = (performance.now() - startMs) / 1000;
  const processor = (processorTimeUs(Deno.pid) - startUs) / 1e6;
  await packs.close();
  codec.close();
  return [
    copies ? "copies" : "directories",
    `${store.requestCount * SCALE}`,
    (store.byteCount / GIBIBYTE * SCALE).toFixed(1),
    (processor * SCALE).toFixed(0),
    (seconds * SCALE).toFixed(0),
  ];
}
