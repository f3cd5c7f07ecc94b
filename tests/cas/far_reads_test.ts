/**
 * How an archive is read whose store is 20 ms and 100 MB/s away: the real parts
 * on a clock of their own, so that only what waits for what decides.
 */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type {
  BlobStore,
  GetOptions,
  OperationOptions,
} from "../../blobstores/blob_store.ts";
import type {
  CacheFile,
  CacheFolder,
} from "../../blobstores/layers/cache_folder.ts";
import { StoreLayer } from "../../blobstores/layers/layer.ts";
import { PackCache } from "../../blobstores/layers/pack_cache.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { BLOCK_SIZE, BlockPool, FULL_MASK } from "../../cas/block_pool.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { ArchiveAccess } from "../../cas/engine/archive_options.ts";
import { type EngineClock, systemClock } from "../../cas/engine/clock.ts";
import { openArchive } from "../../cas/engine/open_archive.ts";
import { ArchiveFront } from "../../cas/front/archive_front.ts";
import { loadChecksum } from "../../cas/front/journal_checksum.ts";
import type { Volume } from "../../cas/front/volume.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import { createWasmHasher } from "../../cas/score.ts";

const MEBIBYTE = 2 ** 20;
const LATENCY_MS = 20;
const BYTES_PER_MS = 100_000;
const OUTSTANDING = 32;
const SECTORS_PER_BLOCK = 8;
/** 64 MiB: about what the least memory gives. */
const POOL_SLOTS = 16_384;
/** Random reads. */
const READS = 2000;
/** 160 MiB. */
const DISK_BLOCKS = 40_960;
/** Blocks of one checkpoint. */
const STEP_BLOCKS = 4096;

const hasher = await createWasmHasher();
const lz4 = createPortableLz4();
// Compiled now: the virtual clock would not know that it is waited for.
await loadChecksum();

/** Time that passes when nothing but it is waited for. */
class VirtualClock {
  #nowMs = 0;
  readonly #sleepers: { readonly atMs: number; readonly wake: () => void }[] =
    [];

  readonly nowMs = (): number => this.#nowMs;
  readonly wallMs = (): number => this.#nowMs;
  readonly yieldNow = (): Promise<void> => turn();
  readonly yieldTurn = (): Promise<void> => turn();

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      this.#sleepers.push({ atMs: this.#nowMs + ms, wake: resolve });
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });

  /** Lets time pass until `work` is done; how much, in milliseconds. */
  async run(work: Promise<unknown>): Promise<number> {
    const startMs = this.#nowMs;
    let isDone = false;
    work.finally(() => isDone = true).catch(() => {});
    for (;;) {
      for (let turns = 0; turns < 3; turns++) await turn();
      if (isDone) break;
      this.#sleepers.sort((left, right) => left.atMs - right.atMs);
      const [first] = this.#sleepers;
      assert.ok(first !== undefined, "something waits for nothing");
      this.#nowMs = Math.max(this.#nowMs, first.atMs);
      while ((this.#sleepers[0]?.atMs ?? Infinity) <= this.#nowMs) {
        this.#sleepers.shift()?.wake();
      }
    }
    await work;
    return this.#nowMs - startMs;
  }
}

/** The store, far away; counts what is asked of packs. */
class FarStore extends StoreLayer {
  getCount = 0;
  gotBytes = 0;
  readonly #clock: VirtualClock;
  #freeAtMs = 0;

  constructor(store: BlobStore, clock: VirtualClock) {
    super(store);
    this.#clock = clock;
  }

  override async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(key, options);
    this.getCount++;
    this.gotBytes += bytes.length;
    const nowMs = this.#clock.nowMs();
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs + LATENCY_MS) +
      bytes.length / BYTES_PER_MS;
    await this.#clock.sleep(this.#freeAtMs - nowMs);
    return bytes;
  }

  override async head(
    key: string,
    options?: OperationOptions,
  ): ReturnType<BlobStore["head"]> {
    await this.#clock.sleep(LATENCY_MS);
    return await super.head(key, options);
  }
}

class MemoryFile implements CacheFile {
  #bytes = new Uint8Array(0);

  size(): number {
    return this.#bytes.length;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    const found = this.#bytes.subarray(position, position + into.length);
    into.set(found);
    return Promise.resolve(found.length);
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    const end = position + bytes.length;
    if (end > this.#bytes.length) {
      const longer = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    this.#bytes.set(bytes, position);
    return Promise.resolve();
  }

  truncate(): void {
    this.#bytes = new Uint8Array(0);
  }
}

function memoryFolder(): CacheFolder {
  return {
    location: "memory",
    extents: new MemoryFile(),
    table: new MemoryFile(),
    freeBytes: () => undefined,
    close(): void {},
  };
}

function openOver(
  store: BlobStore,
  access: ArchiveAccess,
  pool: BlockPool,
  clock: EngineClock,
): Promise<OpenedArchive> {
  return openArchive({
    store,
    openBlocks: (_id, room) =>
      Promise.resolve(openPacks({
        store,
        index: new MemoryIndex(),
        hasher,
        lz4,
        onEvent: () => {},
        room,
        sleep: clock.sleep,
      })),
    hasher,
    pool,
    access,
    create: access !== "read",
    stateId: "5".repeat(32),
    holder: {},
    clock,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    onEvent: () => {},
  });
}

/** Blobs of an archive with a disk of random bytes. */
async function filledSpace(): Promise<MemorySpace> {
  const space = new MemorySpace();
  const pool = BlockPool.allocate(STEP_BLOCKS);
  const store = new MemoryStore({ space });
  const archive = await openOver(store, "serve", pool, systemClock);
  const { view } = await archive.openView({
    volume: "disk",
    createBlockCount: DISK_BLOCKS,
  });
  const words = new Uint32Array(pool.memory);
  let state = 1;
  for (let first = 0; first < DISK_BLOCKS; first += STEP_BLOCKS) {
    for (let at = 0; at < words.length; at++) {
      state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + at | 0;
      words[at] = state;
    }
    const all = { length: STEP_BLOCKS };
    await archive.checkpoint({
      volumes: [{
        view,
        blocks: Float64Array.from(all, (_, index) => first + index),
        slots: Uint32Array.from(all, (_, index) => index),
        masks: new Uint8Array(STEP_BLOCKS).fill(FULL_MASK),
      }],
    });
  }
  await archive.close();
  return space;
}

interface Outcome {
  readonly elapsedMs: number;
  readonly getCount: number;
  readonly gotBytes: number;
}

/** Reads with nothing at hand, so many requests at once. */
async function readCold(
  space: MemorySpace,
  sectorsPerRequest: number,
  places: readonly number[],
): Promise<Outcome> {
  const clock = new VirtualClock();
  const far = new FarStore(new MemoryStore({ space }), clock);
  const store = await PackCache.open(far, {
    folder: memoryFolder(),
    bytesMax: 2 ** 28,
    reserveBytes: 0,
    report: (message) => assert.fail(message),
  });
  const pool = BlockPool.allocate(POOL_SLOTS);
  let archive: OpenedArchive | undefined;
  let front: ArchiveFront | undefined;
  let disk: Volume | undefined;
  const read = async (place: number): Promise<void> => {
    const sectors = new Uint8Array(sectorsPerRequest * 512);
    const range = {
      lba: place * sectorsPerRequest,
      sectorCount: sectorsPerRequest,
    };
    if (!disk!.readNow(range, sectors, 0)) await disk!.read(range, sectors, 0);
  };
  await clock.run((async (): Promise<void> => {
    archive = await openOver(store, "read", pool, clock);
    front = await ArchiveFront.open({
      port: archive,
      pool,
      disk: new SimulatedDisk({ random: () => 0.5 }),
      stateId: "6".repeat(32),
      clock,
      report: () => {},
      budget: {
        journalBytesMax: 2 ** 24,
        checkpointBytes: 2 ** 22,
        checkpointAgeMs: 60_000,
      },
    });
    disk = await front.openVolume({ volume: "disk" });
    // Brings the index, which is made from all packs.
    await read(0);
  })());
  const before = { getCount: far.getCount, gotBytes: far.gotBytes };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < places.length) await read(places[next++]!);
  };
  const elapsedMs = await clock.run(
    Promise.all(Array.from({ length: OUTSTANDING }, worker)),
  );
  await front!.abandon();
  await archive!.close();
  return {
    elapsedMs,
    getCount: far.getCount - before.getCount,
    gotBytes: far.gotBytes - before.gotBytes,
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("cold reads through a far store fill the wire in order, and the time of a request at random", async (test) => {
  const space = await filledSpace();

  await test.step("in order", async () => {
    const sectorCount = 2 * SECTORS_PER_BLOCK;
    const places = Array.from({ length: DISK_BLOCKS / 2 }, (_, at) => at);
    const outcome = await readCold(space, sectorCount, places);
    const byteCount = DISK_BLOCKS * BLOCK_SIZE;
    const ratio = byteCount / BYTES_PER_MS / outcome.elapsedMs;
    assert.ok(ratio > 0.9, `${ratio} of the wire`);
    assert.ok(outcome.gotBytes < 1.02 * byteCount, `${outcome.gotBytes} bytes`);
    const gets = outcome.getCount * MEBIBYTE / byteCount;
    assert.ok(gets < 1.25, `${gets} requests for each MiB`);
  });

  await test.step("at random", async () => {
    let state = 1;
    const places = Array.from({ length: READS }, () => {
      state = Math.imul(state, 1664525) + 1013904223 >>> 0;
      return Math.floor(state / 2 ** 32 * DISK_BLOCKS);
    });
    const outcome = await readCold(space, SECTORS_PER_BLOCK, places);
    // Some of them find what another one brought.
    const ratio = READS / outcome.elapsedMs / (OUTSTANDING / LATENCY_MS);
    assert.ok(ratio > 1, `${ratio} of what the time of a request allows`);
    assert.ok(outcome.getCount < READS, `${outcome.getCount} requests`);
    const each = outcome.gotBytes / outcome.getCount;
    assert.ok(each < 40 * 1024, `${each} bytes a request`);
  });
});
