/**
 * Open states of volumes, by handle.
 *
 * @module
 */

import type { ViewDescription } from "../archive_port.ts";
import { ArchiveError } from "../errors.ts";
import type { Tree } from "./geometry.ts";
import type { PublishedRoot } from "./root_blob.ts";
import type { RootRecord } from "./root.ts";
import type { Volume } from "./volumes.ts";

/** A root and its hash. */
export type ViewRoot = Pick<PublishedRoot, "record" | "hash">;

/** An open state: the moving head of a volume, or a root that stays. */
export interface View {
  /** Its handle. */
  readonly id: number;
  /** Set for a head. */
  readonly volume?: Volume;
  /** Set for all but heads. */
  readonly root?: ViewRoot;
  /** Set for a snapshot. */
  readonly snapshot?: string;
}

/** All open states. */
export class Views {
  readonly #views = new Map<number, View>();
  #nextId = 0;

  /** Opens the head of a volume; again the same view for the same volume. */
  openHead(volume: Volume): View {
    const open = this.#heads().find((view) => view.volume === volume);
    return open ?? this.#add({ id: this.#nextId++, volume });
  }

  /** True when the head of this volume was opened. */
  isOpen(volume: Volume): boolean {
    return this.#heads().some((view) => view.volume === volume);
  }

  /** The volumes whose heads are open. */
  openVolumes(): Volume[] {
    return this.#heads().flatMap(({ volume }) => volume ?? []);
  }

  /** Opens a root that stays, with the snapshot's name if it has one. */
  openRoot(root: ViewRoot, snapshot?: string): View {
    const named = snapshot === undefined ? {} : { snapshot };
    return this.#add({ id: this.#nextId++, root, ...named });
  }

  /** Forgets a view. A volume is closed with its head. */
  close(id: number): void {
    this.#views.delete(id);
  }

  /** The view of a handle; a wrong handle is a mistake of the caller. */
  get(id: number): View {
    const view = this.#views.get(id);
    if (view === undefined) throw new RangeError(`There is no view ${id}`);
    return view;
  }

  /** The volume of a handle that is to be written. Throws `ReadOnly`. */
  writable(id: number): Volume {
    const { volume, root } = this.get(id);
    if (volume !== undefined) return volume;
    throw new ArchiveError(
      "ReadOnly",
      `Cannot write: this is a past state of volume "${root?.record.name}"`,
    );
  }

  #add(view: View): View {
    this.#views.set(view.id, view);
    return view;
  }

  #heads(): View[] {
    return [...this.#views.values()].filter((view) =>
      view.volume !== undefined
    );
  }
}

/** The root on which a view stands now. */
export function rootOf(view: View): ViewRoot {
  return view.volume?.head ?? view.root!;
}

/** The tree of a root. */
export function treeOf(record: RootRecord): Tree {
  const { treeRoot, depth, blockCount } = record;
  return { root: treeRoot, depth, blockCount };
}

/** What the other thread is told of a view. */
export function describeView(view: View): ViewDescription {
  const { record, hash } = rootOf(view);
  return {
    view: view.id,
    volumeId: record.volumeId,
    volume: record.name,
    ...(view.snapshot === undefined ? {} : { snapshot: view.snapshot }),
    readOnly: view.volume === undefined,
    blockCount: record.blockCount,
    sequence: record.sequence,
    rootHash: hash,
    writerId: record.writerId,
  };
}
