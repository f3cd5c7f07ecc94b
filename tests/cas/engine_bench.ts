/**
 * An archive over blobs in memory, and a model of its volumes, for the engine's
 * tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import {
  type ArchivePort,
  type CheckpointResult,
  FetchState,
  type FrozenVolume,
} from "../../cas/archive_port.ts";
import { BLOCK_SIZE, BlockPool } from "../../cas/block_pool.ts";
import type { ArchiveOptions } from "../../cas/engine/archive_options.ts";
import type { EngineClock } from "../../cas/engine/clock.ts";
import type { ArchiveHints } from "../../cas/engine/hints.ts";
import { openArchive } from "../../cas/engine/open_archive.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { createWasmHasher, type Hasher } from "../../cas/score.ts";
import { MapBlocks } from "./engine_map_blocks.ts";

/** The hasher of all these tests. */
export const hasher: Hasher = await createWasmHasher();

/** Blocks of a volume of 1 GiB. */
export const GIB: number = 2 ** 30 / BLOCK_SIZE;

/** Blocks of such a volume, on both sides of where pointer blocks end. */
export const EDGE_BLOCKS: readonly number[] = [
  0,
  1,
  2,
  127,
  128,
  300,
  16_383,
  16_384,
  GIB - 1,
];

/** Told apart from all other waits of the engine by its length. */
const CLAIM_CHECK_MS = 5001;
/** The engine waits longer only for what it seeks: repeats come sooner. */
const REPEAT_MAX_MS = 30_000;

/** Time that passes only by being waited for. */
export class ManualClock implements EngineClock {
  timeMs = 1_700_000_000_000;
  #due: () => void = () => {};
  readonly #seekers: Set<() => void> = new Set();

  nowMs(): number {
    return this.timeMs++;
  }

  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    if (delayMs === CLAIM_CHECK_MS) return await this.#untilDue(signal);
    if (delayMs > REPEAT_MAX_MS) return await this.#untilImpatient(signal);
    this.timeMs += delayMs;
    await this.yieldNow();
  }

  /** Lets so much time pass that nothing is sought any more. */
  endSeeking(): void {
    this.timeMs += 2 * REPEAT_MAX_MS;
    for (const end of this.#seekers) end();
  }

  /** How many wait for what is sought. */
  get seekerCount(): number {
    return this.#seekers.size;
  }

  async #untilImpatient(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#seekers.add(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.#seekers.delete(resolve);
  }

  /** Lets the sleeper that looks after the claim go on. */
  checkClaim(): void {
    this.#due();
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#due = resolve;
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  }

  yieldNow(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Sectors written to a block: whole blocks have mask 0xff. */
export interface Write {
  readonly block: number;
  readonly mask: number;
  /** Every written byte has this value. */
  readonly value: number;
}

let randomState = 1;

/** A server with one archive. */
export class Bench {
  readonly space: MemorySpace;
  readonly store: BlobStore;
  readonly pool: BlockPool = BlockPool.allocate(1024);
  readonly events: ArchiveEvent[] = [];
  readonly clock: ManualClock = new ManualClock();
  /** Of the archive opened last. */
  blocks!: MapBlocks;
  hints: ArchiveHints | undefined;

  constructor(space: MemorySpace = new MemorySpace(), store?: BlobStore) {
    this.space = space;
    this.store = store ?? new MemoryStore({ space });
  }

  open(options: Partial<ArchiveOptions> = {}): Promise<OpenedArchive> {
    return openArchive({
      store: this.store,
      openBlocks: () => {
        this.blocks = new MapBlocks(this.store, hasher);
        return Promise.resolve(this.blocks);
      },
      hasher,
      pool: this.pool,
      access: "serve",
      create: true,
      stateId: "5".repeat(32),
      holder: { host: "shelf", pid: 4711, socket: "/run/shelf.sock" },
      hints: {
        load: () => Promise.resolve(this.hints),
        save: (hints) => {
          this.hints = hints;
          return Promise.resolve();
        },
      },
      clock: this.clock,
      claimCheckMs: CLAIM_CHECK_MS,
      random: (length) => {
        const bytes = new Uint8Array(length);
        new DataView(bytes.buffer).setUint32(0, randomState++);
        return bytes;
      },
      onEvent: (event) => this.events.push(event),
      ...options,
    });
  }

  /** One volume's part of a generation, in slots from `slotFirst` on. */
  freeze(view: number, writes: readonly Write[], slotFirst = 0): FrozenVolume {
    const sorted = writes.toSorted((left, right) => left.block - right.block);
    const slots = sorted.map((_, place) => slotFirst + place);
    sorted.forEach(({ mask, value }, place) => {
      const slot = this.pool.slot(slots[place]!);
      slot.fill(0xa5);
      apply(slot, { mask, value });
    });
    return {
      view,
      blocks: Float64Array.from(sorted, ({ block }) => block),
      slots: Uint32Array.from(slots),
      masks: Uint8Array.from(sorted, ({ mask }) => mask),
    };
  }

  /** Checkpoints writes to one volume. */
  write(
    archive: ArchivePort,
    view: number,
    writes: readonly Write[],
  ): Promise<CheckpointResult> {
    return archive.checkpoint({ volumes: [this.freeze(view, writes)] });
  }

  /** What blocks hold: their bytes, or null where damaged. */
  async read(
    archive: ArchivePort,
    view: number,
    blocks: readonly number[],
    slotFirst = 512,
  ): Promise<(Uint8Array | null)[]> {
    const slots = blocks.map((_, place) => slotFirst + place);
    const { states } = await archive.fetch({
      view,
      blocks: Float64Array.from(blocks),
      slots: Uint32Array.from(slots),
    });
    return blocks.map((_, place) => {
      if (states[place] === FetchState.Damaged) return null;
      if (states[place] === FetchState.Zero) return new Uint8Array(BLOCK_SIZE);
      return this.pool.slot(slots[place]!).slice();
    });
  }

  /** Events of one kind. */
  eventsOf(event: string): ArchiveEvent[] {
    return this.events.filter((each) => each.event === event);
  }
}

/** Writes the sectors of a mask into a block. */
export function apply(
  block: Uint8Array,
  write: Omit<Write, "block">,
): void {
  for (let sector = 0; sector < 8; sector++) {
    if ((write.mask & (1 << sector)) === 0) continue;
    block.fill(write.value, sector * 512, (sector + 1) * 512);
  }
}

/** What a volume should hold. */
export class Model {
  readonly blocks: Map<number, Uint8Array> = new Map();

  /** As the archive should do. */
  write(writes: readonly Write[]): void {
    for (const write of writes) {
      const block = this.blocks.get(write.block)?.slice() ??
        new Uint8Array(BLOCK_SIZE);
      apply(block, write);
      this.blocks.set(write.block, block);
    }
  }

  /** The block as it should be. */
  read(block: number): Uint8Array {
    return this.blocks.get(block) ?? new Uint8Array(BLOCK_SIZE);
  }

  /** A copy that no longer moves. */
  copy(): Model {
    const copy = new Model();
    for (const [block, bytes] of this.blocks) copy.blocks.set(block, bytes);
    return copy;
  }
}

/** Fails unless a view holds what the model says. */
export async function assertHolds(
  bench: Bench,
  archive: ArchivePort,
  given: { view: number; model: Model; blocks: readonly number[] },
): Promise<void> {
  const found = await bench.read(archive, given.view, given.blocks);
  given.blocks.forEach((block, place) => {
    assert.ok(found[place] !== null, `block ${block} is damaged`);
    const same = Buffer.compare(found[place]!, given.model.read(block)) === 0;
    assert.ok(same, `block ${block} differs from the model`);
  });
}

/** A whole block of one value. */
export function whole(block: number, value: number): Write {
  return { block, mask: 0xff, value };
}

/** Makes a volume of 1 GiB, or opens it; its view. */
export async function makeDisk(
  archive: ArchivePort,
  volume: string = "disk",
  createBlockCount: number = GIB,
): Promise<number> {
  return (await archive.openView({ volume, createBlockCount })).view;
}
