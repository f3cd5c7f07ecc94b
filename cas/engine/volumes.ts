/**
 * The volumes of an archive and their present roots.
 *
 * @module
 */

import { BLOCK_SIZE, SECTORS_PER_BLOCK } from "../block_pool.ts";
import { ArchiveError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { rootKey } from "./names.ts";
import type { PublishedRoot } from "./root_blob.ts";
import { listVolumeIds, newestSequence, readRoot } from "./root_store.ts";

/** A volume. */
export class Volume {
  /** Its present state; moves with every checkpoint. */
  head: PublishedRoot;
  /** The root by which it came too late, if it did: its name was given to another before. */
  late: PublishedRoot | undefined;

  /** The volume with this present state. */
  constructor(head: PublishedRoot) {
    this.head = head;
  }

  /** Its id, 32 hexadecimal digits. */
  get id(): string {
    return this.head.record.volumeId;
  }

  /** Its name. */
  get name(): string {
    return this.head.record.name;
  }

  /** True when it is hidden and its name free for another. */
  get retired(): boolean {
    return this.head.record.retired === true || this.head === this.late;
  }
}

/** Newest sequences by volume id, as local state remembers them. */
export type HeadHints = Readonly<Record<string, number>>;

/** Volumes by id; those whose newest root is damaged are kept apart. */
export class Volumes {
  readonly #display: string;
  readonly #byId = new Map<string, Volume>();
  readonly #damaged = new Map<string, ArchiveError>();
  /** Newest sequences that were seen of the damaged ones. */
  readonly #seen = new Map<string, number>();

  private constructor(display: string) {
    this.#display = display;
  }

  /** Finds all volumes in the store, reporting the damaged ones. */
  static async load(
    context: EngineContext,
    hints: HeadHints,
  ): Promise<Volumes> {
    const volumes = new Volumes(context.store.display);
    const ids = new Set(await listVolumeIds(context));
    for (const id of Object.keys(hints)) ids.add(id);
    for (const id of ids) {
      await volumes.#find(context, id, hints[id]);
    }
    volumes.#hideLate(context);
    return volumes;
  }

  /**
   * Looks for what another server has published since: new volumes, and newer
   * states of the others. Gives the heads that are new.
   */
  async refresh(context: EngineContext): Promise<PublishedRoot[]> {
    const moved: PublishedRoot[] = [];
    for (const id of await listVolumeIds(context)) {
      const before = this.#byId.get(id)?.head;
      await this.#find(context, id, before?.record.sequence);
      const head = this.#byId.get(id)?.head;
      if (head !== undefined && head !== before) moved.push(head);
    }
    this.#hideLate(context);
    return moved;
  }

  /**
   * Looks again for the newest roots of volumes that are damaged: what a store
   * answered wrongly it may answer rightly now. Gives the heads that are new.
   */
  async mend(context: EngineContext): Promise<PublishedRoot[]> {
    const mended: PublishedRoot[] = [];
    for (const id of [...this.#damaged.keys()]) {
      await this.#find(context, id, this.#seen.get(id));
      const volume = this.#byId.get(id);
      if (volume !== undefined) mended.push(volume.head);
    }
    return mended;
  }

  /**
   * Retires new volumes of which nobody was told: a server that was cut off had
   * their first root on its way, and the one after it gave the name to another.
   */
  #hideLate({ onEvent, store }: EngineContext): void {
    const shown = this.all().filter((volume) => !volume.retired);
    for (const volume of shown) {
      const { sequence, epoch } = volume.head.record;
      const named = shown.filter(({ name }) => name === volume.name);
      const isLate = sequence === 0 &&
        named.some(({ head }) => head.record.epoch > epoch);
      if (!isLate) continue;
      volume.late = volume.head;
      onEvent({
        event: "volume-late",
        severity: "strange",
        message:
          `The archive in ${store.display} has a new volume "${volume.name}" of a server that no longer wrote it, beside the one that has the name: it counts as retired; "volume unretire ${volume.id} NAME" shows it under a name of its own`,
        volume: volume.name,
        volumeId: volume.id,
        epoch,
      });
    }
  }

  /** Finds the newest root of a volume, reporting a damaged one once. */
  async #find(
    context: EngineContext,
    id: string,
    hint: number | undefined,
  ): Promise<void> {
    try {
      const sequence = await newestSequence(context, id, hint);
      const known = this.#byId.get(id);
      const newest = sequence ?? -1;
      // Of a volume that is known, a listing may be older than what was seen.
      if (known !== undefined && newest <= known.head.record.sequence) return;
      if (hint !== undefined && newest < hint) {
        throw lostRoot(context, id, hint);
      }
      if (sequence === undefined) return;
      const head = await readRoot(context, id, sequence);
      this.#damaged.delete(id);
      if (known === undefined) this.add(head);
      else known.head = head;
    } catch (error) {
      if (!(error instanceof ArchiveError) || error.code !== "Damaged") {
        throw error;
      }
      const before = this.#damaged.get(id);
      this.#damaged.set(id, error);
      if (hint !== undefined) this.#seen.set(id, hint);
      if (before?.message === error.message) return;
      context.onEvent({
        event: "root-damaged",
        severity: "corrupt",
        message: error.message,
        volumeId: id,
      });
    }
  }

  /** All volumes whose newest root can be read, retired ones too. */
  all(): Volume[] {
    return [...this.#byId.values()];
  }

  /** Adds the volume of this root, which is its present state. */
  add(head: PublishedRoot): Volume {
    const volume = new Volume(head);
    this.#byId.set(volume.id, volume);
    return volume;
  }

  /** The volume of this id, or undefined. */
  byId(id: string): Volume | undefined {
    return this.#byId.get(id);
  }

  /** The one retired volume of this name or id. Throws `NoVolume`. */
  retired(nameOrId: string): Volume {
    const retired = this.all().filter((volume) => volume.retired);
    const named = retired.filter(({ name }) => name === nameOrId);
    const found = named.length > 0
      ? named
      : retired.filter(({ id }) => id === nameOrId);
    if (found.length === 1) return found[0]!;
    throw new ArchiveError(
      "NoVolume",
      found.length === 0
        ? `There is no retired volume "${nameOrId}" in the archive in ${this.#display}: "volume list --retired" shows them`
        : `The archive in ${this.#display} has ${found.length} retired volumes of the name "${nameOrId}": name the one you mean by its id, ${
          found.map(({ id }) => id).join(" or ")
        }`,
    );
  }

  /**
   * The volume of this name, or undefined; a retired one counts not. Throws `Damaged` when it may
   * be a volume whose root cannot be read, so that nobody makes a new, empty one
   * in its place.
   */
  find(name: string): Volume | undefined {
    const found = this.all().filter((volume) =>
      volume.name === name && !volume.retired
    );
    if (found.length > 1) {
      const roots = found.map(({ head }) => head.hash).join(" or ");
      throw new ArchiveError(
        "Damaged",
        `The archive in ${this.#display} has ${found.length} volumes of the name "${name}": serve the one you mean by its root hash, ${roots}`,
      );
    }
    for (const error of found.length === 0 ? this.#damaged.values() : []) {
      throw new ArchiveError(
        "Damaged",
        `Cannot tell whether volume "${name}" exists. ${error.message}`,
        { cause: error },
      );
    }
    return found[0];
  }

  /** As `find`, but a missing volume is `NoVolume`. */
  get(name: string): Volume {
    const volume = this.find(name);
    if (volume !== undefined) return volume;
    const names = this.all().filter((each) => !each.retired)
      .map((each) => `"${each.name}"`).sort();
    const others = names.length === 0
      ? "it has none"
      : `it has ${names.join(", ")}`;
    throw new ArchiveError(
      "NoVolume",
      `There is no volume "${name}" in the archive in ${this.#display} (${others}): check the name, or make it: volume create NAME SIZE, or serve with a size and --create`,
    );
  }

  /** Newest sequences, to be remembered. */
  hints(): HeadHints {
    return Object.fromEntries([
      ...this.#seen,
      ...this.all().map(({ id, head }) => [id, head.record.sequence] as const),
    ]);
  }
}

/** A root that was there is gone: the one before must not pass for the present state. */
function lostRoot(
  { store }: EngineContext,
  id: string,
  sequence: number,
): ArchiveError {
  return new ArchiveError(
    "Damaged",
    `The root "${
      rootKey(id, sequence)
    }" in ${store.display} is missing, though this server has seen it: give it back from a copy with "repair --from URL"; to go on from the state before instead, and give up what was written since, delete heads.json in the state folder`,
  );
}

/** Throws `SizeMismatch` unless the volume has this many blocks. */
export function checkSize(volume: Volume, blockCount: number): void {
  const existing = volume.head.record.blockCount;
  if (existing === blockCount) return;
  throw new ArchiveError(
    "SizeMismatch",
    `Volume "${volume.name}" has ${describeSize(existing)}, not ${
      describeSize(blockCount)
    }: leave the size out, or ask for ${existing * BLOCK_SIZE}`,
  );
}

function describeSize(blockCount: number): string {
  return `${blockCount * BLOCK_SIZE} bytes (${
    blockCount * SECTORS_PER_BLOCK
  } sectors)`;
}
