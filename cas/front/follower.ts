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
  readonly port: Pick<ArchivePort, "newerView">;
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
  /** Closes a state when nothing is read from it any more. */
  readonly closeState: (state: DiskState) => Promise<void>;
}

/** Looks for newer states until it is stopped. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #stop: AbortController = new AbortController();
  #state: DiskState;
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
      if (signal.aborted) return this.#close(this.#state);
      try {
        await this.#look();
        this.#failing = false;
      } catch (error) {
        this.#tellFailure(error);
      }
    }
  }

  /** The disk moves no more, and is not read any more. */
  stop(): void {
    this.#stop.abort();
  }

  async #look(): Promise<void> {
    const { port, disk, stateOf, report } = this.#options;
    const opened = await port.newerView(this.#state.view.view);
    if (opened === undefined) return;
    const before = this.#state;
    this.#state = stateOf(opened);
    disk.show(this.#state);
    this.#close(before);
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

  /** Behind everything else: reads of it may be under way. */
  #close(state: DiskState): void {
    // An archive that was closed meanwhile has closed it, too.
    this.#options.closeState(state).catch(() => {});
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
