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
import type { FetchBudget } from "./fetch_budget.ts";
import { Fetcher } from "./fetcher.ts";
import { type DiskState, Follower } from "./follower.ts";
import { Head } from "./head.ts";
import { Overlay, type OverlayBudget } from "./overlay.ts";
import { type SectorRange, Volume } from "./volume.ts";

/** How often what is still being read is looked at before it is closed. */
const IDLE_LOOK_MS = 20;

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
  /** Resolves when all writes to a head of before are in the store. */
  readonly flushRemote: (head: Head) => Promise<void>;
  /** True while what heads show is sure to be the present: no other server writes the archive. */
  readonly isPresent: () => boolean;
  /** Resolves when it is sure again; never once another server has the archive. */
  readonly present: () => Promise<void>;
  /**
   * Takes all writes of a head into the archive and out of the journal; false
   * when some have to stay.
   */
  readonly empty: (head: Head) => Promise<boolean>;
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
  /** Lets go of it, all of whose requests have been answered. */
  stop(): void;
}

/** Opens disks. */
export class Disks {
  readonly #options: DisksOptions;
  readonly #heads: Map<number, Head> = new Map();
  readonly #followers: Set<Follower> = new Set();
  /** States that stay, by the disk that shows them. */
  readonly #past: Map<Volume, DiskState> = new Map();
  #headCount = 0;
  /** Openings of heads under way: the engine may be giving out a view that is closed here. */
  #openingCount = 0;

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
    let head = this.#heads.get(opened.view);
    if (head === undefined) {
      const { budget } = this.#options;
      const view = new BlockView(opened, budget.cache, new Overlay(budget));
      const fetcher = this.#fetcherOf(view, opened.volume);
      head = new Head(this.#headCount++, opened, view, fetcher);
      this.#heads.set(opened.view, head);
    }
    head.userCount++;
    return head;
  }

  /** Opens a disk of its own, with its own listener. */
  open(
    request: ViewRequest,
    options: OpenDiskOptions = {},
  ): Promise<Volume> {
    return this.#openView(request, (opened) => this.#show(opened, options));
  }

  #show(opened: ViewDescription, options: OpenDiskOptions): Volume {
    const { write, writable, flushRemote, isPresent, present } = this.#options;
    const { readOnly, volume: name } = opened;
    const identity = diskIdentity(opened, false);
    if (readOnly) {
      const state = this.#stateOf(opened);
      const disk = new Volume({ name, identity, ...state });
      this.#past.set(disk, state);
      return disk;
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
        isPresent,
        present,
      },
      ...(options.flushRemote ? { flush: () => flushRemote(head) } : {}),
    });
    head.disks.push(disk);
    return disk;
  }

  /**
   * Lets go of a disk, all of whose requests have been answered. A volume of
   * which it was the last disk is closed, if the archive can take its writes:
   * it may then be renamed, restored or retired.
   */
  async close(disk: Volume): Promise<void> {
    for (const head of this.#heads.values()) {
      const at = head.disks.indexOf(disk);
      if (at < 0) continue;
      head.disks.splice(at, 1);
      return await this.#closeUnused(head);
    }
    const state = this.#past.get(disk);
    if (state === undefined) return;
    this.#past.delete(disk);
    await this.#closeState(state);
  }

  /** The head of a volume, opened if it is not. */
  openHead(volume: string): Promise<Head> {
    return this.#openView({ volume }, (opened) => this.headOf(opened));
  }

  /** Keeps a head open during `work`, which begins at once. */
  async using<Result>(
    head: Head,
    work: () => Promise<Result>,
  ): Promise<Result> {
    head.useCount++;
    head.userCount++;
    try {
      return await work();
    } finally {
      head.useCount--;
      await this.#closeUnused(head);
    }
  }

  async #closeUnused(head: Head): Promise<void> {
    const { userCount } = head;
    if (isUsed(head) || !await this.#options.empty(head)) return;
    // An opening under way may be of this very view.
    while (!head.fetcher.idle || this.#openingCount > 0) await this.#pause();
    // Who came meanwhile uses it further, or closes it when it is empty again.
    if (head.userCount !== userCount) return;
    if (this.#heads.delete(head.view.view)) await this.#letGo(head);
  }

  async #closeState(state: DiskState): Promise<void> {
    while (!state.fetcher.idle) await this.#pause();
    await this.#letGo(state);
  }

  /** Not a turn passes before the engine is told: an opening after it is of another view. */
  #letGo({ view }: DiskState): Promise<void> {
    view.cached.clear();
    return this.#options.port.closeView(view.view);
  }

  #pause(): Promise<void> {
    return this.#options.clock.sleep(IDLE_LOOK_MS);
  }

  /** Opens a view, and uses it before anybody may close it. */
  async #openView<Result>(
    request: ViewRequest,
    use: (opened: ViewDescription) => Result,
  ): Promise<Result> {
    this.#openingCount++;
    try {
      return use(await this.#options.port.openView(request));
    } finally {
      this.#openingCount--;
    }
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
      closeState: (left) => this.#closeState(left),
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

function isUsed(head: Head): boolean {
  return head.disks.length > 0 || head.useCount > 0;
}
