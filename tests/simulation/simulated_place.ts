/** One machine with its disks, and how they behave now. */

import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { DiskOperation } from "../../cas/disk/simulated_disk.ts";
import type { ArchiveHints } from "../../cas/engine/hints.ts";
import type { Process, World } from "./world.ts";

/** A disk, and its weather. */
export class DiskState {
  readonly name: string;
  disk: SimulatedDisk;
  /** Whose syncs these are: those of a dead process never end. */
  process: Process;
  slowMs = 0.2;
  failing = 0;
  full = false;
  readonly #world: World;

  constructor(world: World, name: string, process: Process) {
    this.#world = world;
    this.name = name;
    this.process = process;
    this.disk = new SimulatedDisk(this.#options());
  }

  /** True if writes to it may fail. */
  get ails(): boolean {
    return this.failing > 0 || this.full;
  }

  clear(): void {
    this.slowMs = 0.2;
    this.failing = 0;
    this.full = false;
  }

  /** What is found when power comes back. */
  losePower(): void {
    this.disk = this.disk.afterPowerLoss(this.#world.random, this.#options());
  }

  /** All of its files are gone. */
  wipe(): void {
    this.disk = new SimulatedDisk(this.#options());
  }

  /** A bit of one of its files goes wrong; false when there is no file. */
  rot(): boolean {
    const world = this.#world;
    const name = world.oneOf(this.disk.list().sort());
    if (name === undefined) return false;
    const file = this.disk.open(name);
    if (file.size === 0) return false;
    const at = world.below(file.size);
    const byte = new Uint8Array(1);
    file.read(byte, at);
    byte[0] = byte[0]! ^ (1 << world.below(8));
    this.clear();
    file.writeDurably(byte, at);
    world.note(`${this.name} rots: ${name} at ${at} of ${file.size}`);
    return true;
  }

  #options(): ConstructorParameters<typeof SimulatedDisk>[0] {
    const world = this.#world;
    return {
      random: world.random,
      syncDelay: () => this.process.sleep(world.random() * this.slowMs),
      fault: ({ kind }) => this.#fault(kind),
      onOperation: ({ kind, name, index }) =>
        world.note(`${this.name} ${kind} ${name} ${index}`),
    };
  }

  #fault(kind: DiskOperation["kind"]): string | undefined {
    if (this.full && (kind === "write" || kind === "create")) return "ENOSPC";
    const fails = (kind === "write" || kind === "sync") && this.failing > 0 &&
      this.#world.chance(this.failing);
    return fails ? "EIO" : undefined;
  }
}

/** What outlives a server: disks, and what it remembers. */
export class Place {
  readonly stateId: string;
  readonly journal: DiskState;
  readonly index: DiskState;
  hints: ArchiveHints | undefined;
  process: Process;

  constructor(world: World, name: string, process: Process) {
    this.stateId = name.charCodeAt(0).toString(16).padStart(2, "0").repeat(16);
    this.process = process;
    this.journal = new DiskState(world, `${name}-journal`, process);
    this.index = new DiskState(world, `${name}-index`, process);
  }

  runs(process: Process): void {
    this.process = process;
    this.journal.process = process;
    this.index.process = process;
  }

  clear(): void {
    this.journal.clear();
    this.index.clear();
  }
}
