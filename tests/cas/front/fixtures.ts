/**
 * What the tests of the front share: a clock that stands still, randomness
 * with a seed, and a front over models.
 *
 * @module
 */

import { BlockPool } from "../../../cas/block_pool.ts";
import { SimulatedDisk } from "../../../cas/disk/simulated_disk.ts";
import type { Random } from "../../../cas/disk/simulated_file.ts";
import type { ArchiveEvent } from "../../../cas/events.ts";
import { ArchiveFront } from "../../../cas/front/archive_front.ts";
import type { Clock } from "../../../cas/front/clock.ts";
import type { FrontBudget } from "../../../cas/front/front_options.ts";
import type { Volume } from "../../../cas/front/volume.ts";
import {
  ModelArchive,
  ModelPort,
  type ModelPortOptions,
} from "./model_port.ts";

export const STATE_ID: string = "5".repeat(32);

/** A clock that only a test moves. */
export class TestClock implements Clock {
  #nowMs = 0;
  readonly sleepers: { untilMs: number; wake: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      this.sleepers.push({ untilMs: this.#nowMs + durationMs, wake: resolve });
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  yieldTurn(): Promise<void> {
    return Promise.resolve();
  }

  /** Goes on in steps, with what each makes due in between. */
  async advanceBy(stepMs: number, durationMs: number): Promise<void> {
    for (let doneMs = 0; doneMs < durationMs; doneMs += stepMs) {
      await quiet();
      await this.advance(stepMs);
    }
  }

  async advance(durationMs: number): Promise<void> {
    this.#nowMs += durationMs;
    for (const sleeper of this.sleepers.splice(0)) {
      if (sleeper.untilMs <= this.#nowMs) sleeper.wake();
      else this.sleepers.push(sleeper);
    }
    await quiet();
  }
}

/** Resolves when everything that waits for nothing but promises is done. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick(random: Random, below: number): number {
  return Math.floor(random() * below);
}

export interface RigOptions {
  readonly archive?: ModelArchive;
  readonly disk?: SimulatedDisk;
  readonly slots?: number;
  readonly budget?: Partial<FrontBudget>;
  readonly stateId?: string;
  readonly port?: Partial<ModelPortOptions>;
}

export interface Rig {
  readonly archive: ModelArchive;
  readonly disk: SimulatedDisk;
  readonly port: ModelPort;
  readonly clock: TestClock;
  readonly events: ArchiveEvent[];
  readonly front: ArchiveFront;
}

let rigCount = 0;

/** A front over models. */
export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const archive = options.archive ?? new ModelArchive();
  const random = seeded(1);
  const disk = options.disk ?? new SimulatedDisk({ random });
  const pool = BlockPool.allocate(options.slots ?? 128);
  const stateId = options.stateId ?? STATE_ID;
  const port = new ModelPort({ archive, pool, stateId, ...options.port });
  const clock = new TestClock();
  const events: ArchiveEvent[] = [];
  const nonces = seeded(++rigCount);
  const front = await ArchiveFront.open({
    port,
    pool,
    disk,
    stateId,
    clock,
    report: (event) => events.push(event),
    fillRandom: (bytes) =>
      bytes.forEach((_, i) => bytes[i] = pick(nonces, 256)),
    budget: {
      journalBytesMax: 16 * 1024 * 1024,
      checkpointBytes: 1024 * 1024,
      checkpointAgeMs: 60_000,
      batchBytesMax: 256 * 1024,
      ...options.budget,
    },
  });
  return { archive, disk, port, clock, events, front };
}

/** A disk of a volume, which is made if it is not there. */
export function openDisk(
  rig: Rig,
  volume: string = "disk",
  createBlockCount: number = 512,
): Promise<Volume> {
  return rig.front.openVolume({ volume, createBlockCount });
}

/** Sectors that all hold this number. */
export function stamped(stamp: number, sectorCount: number): Uint8Array {
  const bytes = new Uint8Array(sectorCount * 512);
  new Uint32Array(bytes.buffer).fill(stamp);
  return bytes;
}

/** The number in a sector; NaN if it is not all the same: torn. */
export function stampOf(bytes: Uint8Array, sector: number): number {
  const start = bytes.byteOffset + sector * 512;
  const words = new Uint32Array(bytes.buffer, start, 128);
  const first = words[0] as number;
  return words.every((word) => word === first) ? first : NaN;
}

/** The number in a sector of a volume, as it is read. */
export async function stampAt(volume: Volume, lba: number): Promise<number> {
  const sector = new Uint8Array(512);
  await volume.read({ lba, sectorCount: 1 }, sector, 0);
  return stampOf(sector, 0);
}

/** The names of the journal's segments: a spare file holds nothing of it. */
export function segmentNames(disk: SimulatedDisk): string[] {
  return disk.list().filter((name) => /^\d+$/.test(name)).sort();
}
