/**
 * The blob store of a simulated run: slow, failing, full, away and lying as the
 * run wants it, and never overwritten.
 */

import type {
  BlobDescription,
  BlobErrorCode,
  BlobStore,
  Capabilities,
  FoundRanges,
  GetOptions,
  KeyedRange,
  ListOptions,
  OperationOptions,
  PutOptions,
  StoreHold,
} from "../../blobstores/blob_store.ts";
import {
  type Fault,
  FaultyStore,
  type StoreOperation,
} from "../../blobstores/faults.ts";
import {
  type MemorySpace,
  MemoryStore,
} from "../../blobstores/memory_store.ts";
import { type Process, Violation, type World } from "./world.ts";

const PASSING: readonly BlobErrorCode[] = [
  "Unavailable",
  "Timeout",
  "RateLimited",
];

/** How the store behaves now. */
export class StoreWeather {
  /** Servers that wait for a root to be stored. */
  readonly rootsOnTheirWay: Set<Process> = new Set();
  /** No operation takes longer. */
  slowMs = 1;
  /** Chance of a failure that passes, before or after the effect. */
  failing = 0;
  /** Chance that a get answers with a wrong bit, or too little. */
  lyingGets = 0;
  /** Chance that a pack or root is stored with a wrong bit, or cut off. */
  lyingPuts = 0;
  full = false;
  away = false;

  /** What any store does. */
  clear(): void {
    const { rootsOnTheirWay } = this;
    Object.assign(this, new StoreWeather(), { rootsOnTheirWay });
  }

  /** True while what was read need not be what is stored. */
  get lies(): boolean {
    return this.lyingGets > 0 || this.lyingPuts > 0;
  }
}

/** Bodies as they should be, of blobs that are damaged. */
export class Damage {
  readonly #space: MemorySpace;
  readonly #sound: Map<string, Uint8Array<ArrayBuffer>> = new Map();

  constructor(space: MemorySpace) {
    this.#space = space;
  }

  get any(): boolean {
    return this.#sound.size > 0;
  }

  get keys(): string[] {
    return [...this.#sound.keys()];
  }

  note(key: string, sound: Uint8Array): void {
    if (!this.#sound.has(key)) this.#sound.set(key, new Uint8Array(sound));
  }

  /** A bit of this blob goes wrong. */
  rot(key: string, bit: number): void {
    const sound = this.#space.blobs.get(key);
    if (sound === undefined || sound.length === 0) return;
    this.note(key, sound);
    const rotten = sound.slice();
    const at = (bit >> 3) % sound.length;
    rotten[at] = rotten[at]! ^ (1 << (bit & 7));
    this.#space.blobs.set(key, rotten);
  }

  lose(key: string): void {
    const sound = this.#space.blobs.get(key);
    if (sound === undefined) return;
    this.note(key, sound);
    this.#space.blobs.delete(key);
  }

  /** Every blob is again as it was put. */
  heal(): void {
    for (const [key, sound] of this.#sound) this.#space.blobs.set(key, sound);
    this.#sound.clear();
  }
}

export interface SimulatedStoreOptions {
  readonly world: World;
  readonly process: Process;
  readonly space: MemorySpace;
  readonly weather: StoreWeather;
  readonly damage: Damage;
  readonly hold: boolean;
}

/** The store as one process reaches it. */
export class SimulatedStore implements BlobStore {
  readonly display = "simulated:";
  readonly capabilities: Capabilities;
  readonly hold?: (options?: OperationOptions) => Promise<StoreHold | null>;
  readonly #options: SimulatedStoreOptions;
  readonly #store: FaultyStore;

  constructor(options: SimulatedStoreOptions) {
    const { process, space } = options;
    this.#options = options;
    const hold = options.hold;
    this.capabilities = { createExclusive: true, hold, concurrencyMax: 4 };
    this.#store = new FaultyStore(new MemoryStore({ space }), {
      choose: (operation) => this.#choose(operation),
      sleep: (delayMs, signal) => process.sleep(delayMs, signal),
    });
    if (hold) {
      this.hold = (asked) => this.#done("hold", this.#store.hold!(asked));
    }
  }

  async put(key: string, body: Uint8Array, options: PutOptions): Promise<void> {
    const { space, damage, world, weather, process } = this.#options;
    if (key.startsWith("roots/")) weather.rootsOnTheirWay.add(process);
    const own = new Uint8Array(body);
    const lies = /^(packs|roots)\//.test(key) &&
      world.chance(weather.lyingPuts);
    try {
      await this.#store.put(key, own, {
        ...options,
        // What is there stays, whatever the caller asks.
        ifAbsent: true,
      });
    } catch (error) {
      if (!options?.ifAbsent && space.blobs.get(key) !== undefined) {
        const code = (error as { code?: unknown }).code;
        if (code === "AlreadyExists") {
          throw new Violation(`${key} would have been overwritten`);
        }
      }
      throw error;
    } finally {
      weather.rootsOnTheirWay.delete(process);
      const stored = space.blobs.get(key);
      if (
        lies && weather.lies && stored !== undefined && sameBytes(stored, own)
      ) {
        damage.rot(key, world.below(2 ** 30));
      }
      world.note(`put ${key} ${own.length}${lies ? " (a lie)" : ""}`);
    }
    await this.#options.process.yieldTurn();
  }

  get(key: string, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#done(`get ${key}`, this.#store.get(key, options));
  }

  /** Each range is delayed, fails and lies by itself. */
  getRanges(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges> {
    const found = ranges.map(({ key, offset, length }) => {
      const range = { offset, length };
      return this.#store.get(key, { ...options, range }).catch(() => undefined);
    });
    return this.#done(`get ${ranges.length} ranges`, Promise.all(found));
  }

  head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null> {
    return this.#done(`head ${key}`, this.#store.head(key, options));
  }

  list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<BlobDescription, void, undefined> {
    this.#options.world.note(`list ${prefix}`);
    return this.#store.list(prefix, options);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #done<T>(what: string, operation: Promise<T>): Promise<T> {
    const { world, process } = this.#options;
    try {
      return await operation;
    } finally {
      world.note(`${process.name} ${what}`);
      await process.yieldTurn();
    }
  }

  #choose({ name }: StoreOperation): Fault {
    const { world, weather } = this.#options;
    const delayMs = world.random() * weather.slowMs;
    if (weather.away) return { delayMs, code: "Unavailable" };
    if (weather.full && name === "put") {
      return { delayMs, code: "NoSpace", permanent: true };
    }
    if (world.chance(weather.failing)) {
      return {
        delayMs,
        code: world.oneOf(PASSING),
        // A lock that failed was not taken.
        afterEffect: world.chance(0.5) && name !== "hold",
      };
    }
    if (name === "get" && world.chance(weather.lyingGets)) {
      return world.chance(0.5)
        ? { delayMs, flipBit: world.below(2 ** 30) }
        : { delayMs, truncateBytes: 1 + world.below(600) };
    }
    return { delayMs };
  }
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length &&
    left.every((byte, at) => byte === right[at]);
}
