/**
 * The whole archive on simulated parts: journal and index on disks that lose
 * power, blobs in a store that keeps what was put.
 */

import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { ArchivePort } from "../../cas/archive_port.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import type { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import type { ArchiveHints, HintsCache } from "../../cas/engine/hints.ts";
import { openArchive } from "../../cas/engine/open_archive.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { ArchiveFront } from "../../cas/front/archive_front.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import { createWasmHasher } from "../../cas/score.ts";

const STATE_ID: string = "5".repeat(32);
const SLOT_COUNT = 96;

/** Small enough for packs, runs and batches to be many. */
const PACK_BYTES_MAX: number = 64 * 1024;
const TABLE_ENTRIES_MAX = 24;

const hasher = await createWasmHasher();
const lz4 = createPortableLz4();

/** What outlives the process. */
export interface Machine {
  /** The journal's disk. */
  readonly journal: SimulatedDisk;
  /** The index's disk. */
  readonly index: SimulatedDisk;
  /** The blobs. */
  readonly space: MemorySpace;
  /** The newest roots seen. */
  hints: ArchiveHints | undefined;
}

/** The archive, running. */
export interface Stack {
  readonly front: ArchiveFront;
  readonly port: ArchivePort;
  readonly events: readonly ArchiveEvent[];
  /** Leaves as a crash does, but for what the test itself must not leak. */
  end(): Promise<void>;
}

/** Starts the archive on a machine. */
export async function startStack(
  machine: Machine,
  wrap: (store: BlobStore) => BlobStore = (store) => store,
): Promise<Stack> {
  const events: ArchiveEvent[] = [];
  const onEvent = (event: ArchiveEvent): void => void events.push(event);
  const pool = BlockPool.allocate(SLOT_COUNT);
  const store = wrap(new MemoryStore({ space: machine.space }));
  const hints: HintsCache = {
    load: () => Promise.resolve(machine.hints),
    save(hints): Promise<void> {
      machine.hints = hints;
      return Promise.resolve();
    },
  };
  const port = await openArchive({
    store,
    openBlocks: (archiveId) =>
      Promise.resolve(openPacks({
        store,
        index: DiskIndex.open({
          disk: machine.index,
          identity: archiveId,
          hash: (bytes) => hasher.hash(bytes),
          onEvent,
          tableEntriesMax: TABLE_ENTRIES_MAX,
        }),
        hasher,
        lz4,
        onEvent,
        sleep: () => Promise.resolve(),
        packBytesMax: PACK_BYTES_MAX,
      })),
    hasher,
    pool,
    access: "serve",
    create: true,
    stateId: STATE_ID,
    holder: {},
    hints,
    clock: { ...systemClock, sleep: () => systemClock.yieldNow() },
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    onEvent,
  });
  const front = await ArchiveFront.open({
    port,
    pool,
    disk: machine.journal,
    stateId: STATE_ID,
    budget: {
      journalBytesMax: 4 * 1024 * 1024,
      checkpointBytes: 50_000,
      checkpointAgeMs: 60_000,
      batchBytesMax: 64 * 1024,
    },
    report: onEvent,
  });
  return {
    front,
    port,
    events,
    async end(): Promise<void> {
      await front.abandon();
      await port.close();
    },
  };
}

/** The same blobs in a space that nobody holds. */
export function copySpace(space: MemorySpace): MemorySpace {
  const copy = new MemorySpace();
  for (const [key, body] of space.blobs) copy.blobs.set(key, body);
  return copy;
}
