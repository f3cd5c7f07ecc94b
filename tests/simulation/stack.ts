/**
 * The whole archive on simulated parts: journal and index on disks that lose
 * power, blobs in a store that keeps what was put.
 */

import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import type { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { Disk } from "../../cas/disk/disk.ts";
import { type EngineClock, systemClock } from "../../cas/engine/clock.ts";
import type { ArchiveHints, HintsCache } from "../../cas/engine/hints.ts";
import { openArchive } from "../../cas/engine/open_archive.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { ArchiveFront } from "../../cas/front/archive_front.ts";
import { type Clock, SYSTEM_CLOCK } from "../../cas/front/clock.ts";
import { loadChecksum } from "../../cas/front/journal_checksum.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import { createWasmHasher } from "../../cas/score.ts";

const STATE_ID: string = "5".repeat(32);
const SLOT_COUNT = 96;

/** Small enough for packs, runs and batches to be many. */
const PACK_BYTES_MAX: number = 64 * 1024;
const TABLE_ENTRIES_MAX = 24;
const COPY_PACK_COUNT = 3;

const hasher = await createWasmHasher();
const lz4 = createPortableLz4();
// Compiled now: a simulation that waits for it would not know of its end.
await loadChecksum();

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

/** What the archive is given, where a simulation does not want the usual. */
export interface Surroundings {
  readonly stateId: string;
  readonly clock: EngineClock;
  readonly frontClock: Clock;
  readonly random: (length: number) => Uint8Array;
  readonly create: boolean;
  readonly journalBytesMax: number;
  readonly checkpointBytes: number;
  readonly checkpointAgeMs: number;
  readonly onEvent: (event: ArchiveEvent) => void;
  readonly wrapJournal: (disk: Disk) => Disk;
  readonly wrapIndex: (index: ScoreIndex) => ScoreIndex;
  readonly wrapPort: (port: OpenedArchive) => OpenedArchive;
}

const USUAL: Surroundings = {
  stateId: STATE_ID,
  clock: { ...systemClock, sleep: () => systemClock.yieldNow() },
  frontClock: SYSTEM_CLOCK,
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  create: true,
  journalBytesMax: 4 * 1024 * 1024,
  checkpointBytes: 50_000,
  checkpointAgeMs: 60_000,
  onEvent: () => {},
  wrapJournal: (disk) => disk,
  wrapIndex: (index) => index,
  wrapPort: (port) => port,
};

/** The archive, running. */
export interface Stack {
  readonly front: ArchiveFront;
  readonly port: OpenedArchive;
  readonly events: readonly ArchiveEvent[];
  /** Leaves as a crash does, but for what the test itself must not leak. */
  end(): Promise<void>;
}

/** Starts the archive on a machine. */
export async function startStack(
  machine: Machine,
  wrap: (store: BlobStore) => BlobStore = (store) => store,
  given: Partial<Surroundings> = {},
): Promise<Stack> {
  const use: Surroundings = { ...USUAL, ...given };
  const events: ArchiveEvent[] = [];
  const onEvent = (event: ArchiveEvent): void => {
    events.push(event);
    use.onEvent(event);
  };
  const pool = BlockPool.allocate(SLOT_COUNT);
  const store = wrap(new MemoryStore({ space: machine.space }));
  const hints: HintsCache = {
    load: () => Promise.resolve(machine.hints),
    save(hints): Promise<void> {
      machine.hints = hints;
      return Promise.resolve();
    },
  };
  const port = use.wrapPort(
    await openArchive({
      store,
      openBlocks: (archiveId, room) =>
        Promise.resolve(openPacks({
          store,
          index: use.wrapIndex(DiskIndex.open({
            disk: machine.index,
            identity: archiveId,
            hash: (bytes) => hasher.hash(bytes),
            onEvent,
            tableEntriesMax: TABLE_ENTRIES_MAX,
          })),
          hasher,
          lz4,
          onEvent,
          room,
          sleep: use.clock.sleep,
          packBytesMax: PACK_BYTES_MAX,
          copyPackCount: COPY_PACK_COUNT,
        })),
      hasher,
      pool,
      access: "serve",
      create: use.create,
      stateId: use.stateId,
      holder: {},
      hints,
      clock: use.clock,
      random: use.random,
      onEvent,
    }),
  );
  const front = await ArchiveFront.open({
    port,
    pool,
    disk: use.wrapJournal(machine.journal),
    stateId: use.stateId,
    budget: {
      journalBytesMax: use.journalBytesMax,
      checkpointBytes: use.checkpointBytes,
      checkpointAgeMs: use.checkpointAgeMs,
      batchBytesMax: 64 * 1024,
    },
    report: onEvent,
    clock: use.frontClock,
    fillRandom: (bytes) => bytes.set(use.random(bytes.length)),
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
