/**
 * The disks of an archive front: heads of volumes, states that stay, and states
 * that are followed.
 *
 * @module
 */

import type {
  ArchivePort,
  ViewDescription,
  ViewRequest,
} from "../archive_port.ts";
import type { EventSink } from "../events.ts";
import { BlockView } from "./block_view.ts";
import type { Clock } from "./clock.ts";
import { diskIdentity } from "./disk_identity.ts";
import { type FetchBudget, Fetcher } from "./fetcher.ts";
import { type DiskState, Follower } from "./follower.ts";
import { Head } from "./head.ts";
import { Overlay, type OverlayBudget } from "./overlay.ts";
import { type SectorRange, Volume } from "./volume.ts";

/** How often newer states of a followed volume are looked for. */
const FOLLOW_INTERVAL_MS = 5000;

/** Options of `Disks`. */
export interface DisksOptions {
  /** The engine. */
  readonly port: ArchivePort;
  /** Time. */
  readonly clock: Clock;
  /** Takes events. */
  readonly report: EventSink;
  /** Slots of all overlays, and the cache. */
  readonly budget: OverlayBudget;
  /** Slots of all fetches. */
  readonly fetchBudget: FetchBudget;
  /** Takes a client's write to a head: a ticket, or 0. */
  readonly write: (
    head: Head,
    range: SectorRange,
    from: Uint8Array,
    offset: number,
  ) => number;
  /** Resolves when a refused write may be tried again. */
  readonly writable: () => Promise<void>;
  /** Resolves when all writes of before are in the store. */
  readonly flushRemote: () => Promise<void>;
}

/** How to open a disk. */
export interface OpenDiskOptions {
  /** FLUSH waits for the store, not only for the journal. */
  readonly flushRemote?: boolean;
}

/** A disk that moves on. */
export interface FollowedDisk {
  /** The disk. */
  readonly disk: Volume;
  /** It stays where it is from now on. */
  stop(): void;
}

/** Opens disks. */
export class Disks {
  readonly #options: DisksOptions;
  readonly #heads: Map<number, Head> = new Map();
  readonly #followers: Set<Follower> = new Set();

  /** No disks yet. */
  constructor(options: DisksOptions) {
    this.#options = options;
  }

  /** All volumes that take writes. */
  heads(): Iterable<Head> {
    return this.#heads.values();
  }

  /** The open head of a volume. */
  headNamed(volume: string): Head | undefined {
    for (const head of this.#heads.values()) {
      if (head.name === volume) return head;
    }
    return undefined;
  }

  /** The head that the engine opened; one for each volume. */
  headOf(opened: ViewDescription): Head {
    const known = this.#heads.get(opened.view);
    if (known !== undefined) return known;
    const { budget } = this.#options;
    const view = new BlockView(opened, budget.cache, new Overlay(budget));
    const fetcher = this.#fetcherOf(view, opened.volume);
    const head = new Head(this.#heads.size, opened, view, fetcher);
    this.#heads.set(opened.view, head);
    return head;
  }

  /** Opens a disk of its own, with its own listener. */
  async open(
    request: ViewRequest,
    { flushRemote = false }: OpenDiskOptions = {},
  ): Promise<Volume> {
    const { port, write, writable, flushRemote: flush } = this.#options;
    const opened = await port.openView(request);
    const { readOnly, volume: name } = opened;
    const identity = diskIdentity(opened, false);
    if (readOnly) {
      return new Volume({ name, identity, ...this.#stateOf(opened) });
    }
    const head = this.headOf(opened);
    const disk = new Volume({
      name,
      identity,
      view: head.view,
      fetcher: head.fetcher,
      writes: {
        write: (range, from, offset) => write(head, range, from, offset),
        writable,
      },
      ...(flushRemote ? { flush } : {}),
    });
    head.disks.push(disk);
    return disk;
  }

  /** Opens a volume of an archive that is only read, and follows it. */
  async follow(volume: string): Promise<FollowedDisk> {
    const { port, clock, report } = this.#options;
    const opened = await port.openView({ volume });
    const state = this.#stateOf(opened);
    const identity = diskIdentity(opened, true);
    const disk = new Volume({ name: volume, identity, ...state });
    const follower = new Follower({
      port,
      clock,
      report,
      intervalMs: FOLLOW_INTERVAL_MS,
      disk,
      state,
      stateOf: (newer) => this.#stateOf(newer),
    });
    this.#followers.add(follower);
    follower.run().finally(() => this.#followers.delete(follower));
    return { disk, stop: () => follower.stop() };
  }

  /** Follows nothing any more. */
  stop(): void {
    for (const follower of this.#followers) follower.stop();
  }

  #stateOf(opened: ViewDescription): DiskState {
    const view = new BlockView(opened, this.#options.budget.cache, undefined);
    return { view, fetcher: this.#fetcherOf(view, opened.volume) };
  }

  #fetcherOf(view: BlockView, volume: string): Fetcher {
    const { port, fetchBudget } = this.#options;
    return new Fetcher(port, view, fetchBudget, volume);
  }
}
