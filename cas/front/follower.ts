/**
 * Moves a read-only disk on to the newest published state of its volume.
 *
 * A read stands on one state from beginning to end. What was read before may
 * differ from what is read after a move, so only a client that looks anew (a
 * new mount) gets a file system that is all of a piece.
 *
 * @module
 */

import type { ArchivePort, ViewDescription } from "../archive_port.ts";
import type { EventSink } from "../events.ts";
import type { BlockView } from "./block_view.ts";
import type { Clock } from "./clock.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Volume } from "./volume.ts";

/** One state of a volume, and the way to its blocks. */
export interface DiskState {
  /** What is at hand. */
  readonly view: BlockView;
  /** Brings the rest. */
  readonly fetcher: Fetcher;
}

/** Options of `Follower`. */
export interface FollowerOptions {
  /** The engine. */
  readonly port: Pick<ArchivePort, "newerView" | "closeView">;
  /** Time. */
  readonly clock: Clock;
  /** Takes events. */
  readonly report: EventSink;
  /** How often to look. */
  readonly intervalMs: number;
  /** The disk that is moved. */
  readonly disk: Volume;
  /** The state that the disk shows now. */
  readonly state: DiskState;
  /** Makes the state of a view. */
  readonly stateOf: (opened: ViewDescription) => DiskState;
}

/** Looks for newer states until it is stopped. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #stop: AbortController = new AbortController();
  #state: DiskState;
  /** States of before, of which something may still be read. */
  #left: DiskState[] = [];
  #failing = false;

  /** Nothing runs before `run`. */
  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** Follows; resolves after `stop`. */
  async run(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      await clock.sleep(intervalMs, signal);
      if (signal.aborted) return;
      try {
        await this.#look();
        this.#failing = false;
      } catch (error) {
        this.#tellFailure(error);
      }
    }
  }

  /** The disk stays where it is. */
  stop(): void {
    this.#stop.abort();
  }

  async #look(): Promise<void> {
    const { port, disk, stateOf, report } = this.#options;
    await this.#letGo();
    const opened = await port.newerView(this.#state.view.view);
    if (opened === undefined || this.#stop.signal.aborted) return;
    this.#left.push(this.#state);
    this.#state = stateOf(opened);
    disk.show(this.#state);
    const { volume, sequence, rootHash, blockCount } = opened;
    report({
      event: "volume-moved",
      severity: "info",
      message:
        `Volume ${disk.name} is served in its state ${sequence} now, root ${rootHash}: a client that has it mounted should mount it anew`,
      volume,
      sequence,
      rootHash,
      blockCount,
    });
  }

  /** Closes the states of before that nobody reads any more. */
  async #letGo(): Promise<void> {
    const idle = this.#left.filter(({ fetcher }) => fetcher.idle);
    this.#left = this.#left.filter((state) => !idle.includes(state));
    for (const { view } of idle) {
      view.cached.clear();
      await this.#options.port.closeView(view.view);
    }
  }

  #tellFailure(error: unknown): void {
    if (this.#failing || this.#stop.signal.aborted) return;
    this.#failing = true;
    const cause = error instanceof Error ? error.message : String(error);
    this.#options.report({
      event: "follow-failed",
      severity: "strange",
      message:
        `Cannot look for newer states of volume ${this.#options.disk.name}, which stays as it is until that is possible: ${cause}`,
    });
  }
}
