/**
 * Opens the states that disks show.
 *
 * One who writes gets the head of a volume only when no root of a writer before
 * can appear behind it any more: it is fenced off first.
 *
 * @module
 */

import type { ViewDescription, ViewRequest } from "../archive_port.ts";
import { checkName } from "./names.ts";
import type { Refresh } from "./refresh.ts";
import type { States } from "./states.ts";
import type { Turns } from "./turns.ts";
import { describeView, rootOf, type Views } from "./views.ts";
import type { VolumeChanges } from "./volume_changes.ts";
import { checkSize, type Volume, type Volumes } from "./volumes.ts";

/** What openings work with. */
export interface ViewOpeningsOptions {
  /** The archive has a claim: heads are opened to be written. */
  readonly hasClaim: boolean;
  /** The volumes found. */
  readonly volumes: Volumes;
  /** What is open. */
  readonly views: Views;
  /** Finds past states. */
  readonly states: States;
  /** Makes and fences off volumes. */
  readonly changes: VolumeChanges;
  /** Sees what others have written. */
  readonly refresh: Refresh;
  /** Everything that writes packs and roots. */
  readonly writes: Turns;
  /** Remembers the heads. */
  readonly saveHints: () => Promise<void>;
}

/** Opens views. Who calls sees to turns, so that one name is not made twice. */
export class ViewOpenings {
  readonly #options: ViewOpeningsOptions;
  /** Heads must be this writer's own before they are given out. */
  #writing = false;

  /** Nothing is open yet. */
  constructor(options: ViewOpeningsOptions) {
    this.#options = options;
  }

  /** `ArchivePort.beginWrites`, beside no opening. */
  async beginWrites(): Promise<void> {
    const { changes, hasClaim, saveHints, views, volumes, writes } =
      this.#options;
    this.#writing = hasClaim;
    if (!this.#writing) return;
    for (const volume of views.openVolumes()) {
      await this.#fence(volume);
    }
    const closed = volumes.all().filter((volume) => !views.isOpen(volume));
    await writes.run(() => changes.fenceUnwritten(closed));
    await saveHints();
  }

  /** `ArchivePort.openView`, beside no other opening. */
  async open(request: ViewRequest): Promise<ViewDescription> {
    const { volume: name, snapshot, atMs, root, createBlockCount } = request;
    const { hasClaim, refresh, states, views, volumes, writes } = this.#options;
    // A disk that is only read stays at the state that is opened here.
    if (hasClaim) await refresh.run();
    else await refresh.now();
    if (
      name === undefined ||
      [snapshot, atMs, root].some((it) => it !== undefined)
    ) {
      const state = await states.find(request);
      return describeView(views.openRoot(state, snapshot));
    }
    checkName("volume", name);
    if (createBlockCount === undefined) {
      return this.#openPresent(volumes.get(name));
    }
    const volume = volumes.find(name) ??
      await writes.run(() => this.#create(name, createBlockCount));
    checkSize(volume, createBlockCount);
    return this.#openPresent(volume);
  }

  /** `ArchivePort.newerView`. */
  async openNewer(view: number): Promise<ViewDescription | undefined> {
    const { refresh, views, volumes } = this.#options;
    const { volumeId, sequence } = rootOf(views.get(view)).record;
    await refresh.run();
    const head = volumes.byId(volumeId)?.head;
    if (head === undefined || head.record.sequence <= sequence) return;
    return describeView(views.openRoot(head));
  }

  /** The head of a volume; where another server may move it, what it is now. */
  async #openPresent(volume: Volume): Promise<ViewDescription> {
    const { hasClaim, views } = this.#options;
    if (this.#writing && !views.isOpen(volume)) await this.#fence(volume);
    return describeView(
      hasClaim ? views.openHead(volume) : views.openRoot(volume.head),
    );
  }

  /** Sees to it that no root of a writer before appears behind this head. */
  async #fence(volume: Volume): Promise<void> {
    const { changes, saveHints, writes } = this.#options;
    await writes.run(() => changes.fence(volume));
    await saveHints();
  }

  async #create(name: string, blockCount: number): Promise<Volume> {
    const { changes, saveHints } = this.#options;
    const volume = await changes.create(name, blockCount);
    await saveHints();
    return volume;
  }
}
