/**
 * Changes to volumes other than writes: each publishes one root. Nothing is
 * copied and nothing deleted; the state before stays in the history.
 *
 * Called one at a time, and never beside the opening of a view or a checkpoint:
 * the archive sees to it. A volume that is open may have writes in a journal
 * that are not yet in its tree, so only growing is possible then.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { ArchiveError } from "../errors.ts";
import {
  type BlockWriter,
  SCORE_LENGTH,
  type WrittenPacks,
} from "../block_store.ts";
import type { ImportedTree } from "../transfer_operations.ts";
import { equalBytes, fromHex, isZero } from "../bytes.ts";
import { SEEK_MS } from "./block_reader.ts";
import type { Claim } from "./claim.ts";
import type { EngineContext } from "./context.ts";
import { depthFor } from "./geometry.ts";
import { checkName } from "./names.ts";
import { type Maker, nextRecord, type StateChange } from "./next_record.ts";
import { type OpenBlocks, readyWithin } from "./open_blocks.ts";
import { isPointerBlock } from "./pointers.ts";
import type { RootRecord } from "./root.ts";
import {
  type NewState,
  type PublishOptions,
  publishRoots,
} from "./root_publisher.ts";
import { growTree } from "./tree_grow.ts";
import { treeOf, type ViewRoot, type Views } from "./views.ts";
import type { Volume, Volumes } from "./volumes.ts";

const VOLUME_ID_LENGTH = 16;

/** What changes are made with. */
export interface VolumeChangeOptions {
  /** The engine's surroundings. */
  readonly context: EngineContext;
  /** The claim; throws where the archive is only read. */
  readonly claim: () => Claim;
  /** The state directory of this server, 32 hexadecimal digits. */
  readonly stateId: string;
  /** The archive's volumes. */
  readonly volumes: Volumes;
  /** Which of them are open. */
  readonly views: Views;
  /** The archive's blocks. */
  readonly blocks: OpenBlocks;
}

/** Where the blocks of a new state are: in packs not yet finished, or stored before. */
interface GivenPacks {
  readonly writer?: BlockWriter;
  readonly writtenBefore?: WrittenPacks;
}

/** Makes and changes volumes. */
export class VolumeChanges {
  readonly #options: VolumeChangeOptions;

  /** Changes nothing yet. */
  constructor(options: VolumeChangeOptions) {
    this.#options = options;
  }

  /** Makes a volume of zeros. Rejects with `BadName` or `NameTaken`. */
  create(name: string, blockCount: number): Promise<Volume> {
    const depth = depthFor(blockCount);
    const treeRoot = new Uint8Array(SCORE_LENGTH);
    return this.#begin(name, { blockCount, depth, treeRoot });
  }

  /** Makes a volume that begins as `source`. Rejects as `create` does. */
  clone(source: ViewRoot, name: string): Promise<Volume> {
    const { blockCount, depth, treeRoot } = source.record;
    const parentHash = source.hash;
    return this.#begin(name, { blockCount, depth, treeRoot, parentHash });
  }

  /**
   * Publishes the present state once more as this writer's own, if a root of a
   * writer before may still appear behind it: that one finds its place taken.
   */
  async fence(volume: Volume): Promise<void> {
    if (await this.#mayBeFollowed(volume)) await this.#follow(volume, {});
  }

  /**
   * The same for volumes that this writer has not written. Their roots go on
   * naming who has: a journal that stands on those writes may be replayed still.
   */
  async fenceUnwritten(volumes: readonly Volume[]): Promise<void> {
    const followed: Volume[] = [];
    for (const volume of volumes) {
      if (await this.#mayBeFollowed(volume)) followed.push(volume);
    }
    if (followed.length === 0) return;
    const states = followed.map(({ head, retired }) => {
      const { writerId } = head.record;
      const change = retired ? { retired } : {};
      return {
        record: nextRecord(head, change, { ...this.#maker(), writerId }),
      };
    });
    await this.#publishAll(states, (root, index) => {
      followed[index]!.head = root;
    });
  }

  async #mayBeFollowed({ head }: Volume): Promise<boolean> {
    const { claim, stateId } = this.#options;
    const { epoch, writerId } = head.record;
    const isOwn = epoch === claim().epoch && writerId === stateId;
    return !isOwn && await claim().mayBeFollowed(epoch);
  }

  /** Makes a volume larger, also while it is open. Rejects with `SizeMismatch`. */
  async grow(volume: Volume, blockCount: number): Promise<Volume> {
    const tree = treeOf(volume.head.record);
    const depth = depthFor(blockCount);
    if (blockCount === tree.blockCount) return volume;
    if (blockCount < tree.blockCount) {
      throw new ArchiveError(
        "SizeMismatch",
        `Cannot grow volume "${volume.name}" to ${
          blockCount * BLOCK_SIZE
        } bytes: it has ${
          tree.blockCount * BLOCK_SIZE
        }, and a volume never shrinks; ask for more`,
      );
    }
    const { context, blocks } = this.#options;
    const writer = (await blocks.get()).blocks.write();
    const treeRoot = await growTree(tree, depth, writer, context.hasher);
    const record = nextRecord(
      volume.head,
      { blockCount, depth, treeRoot },
      this.#maker(),
    );
    return await this.#publish({ record }, volume, { writer });
  }

  /** Gives a volume another name. Rejects with `InUse`, `BadName` or `NameTaken`. */
  async rename(volume: Volume, name: string): Promise<Volume> {
    if (name === volume.name) return volume;
    this.#requireClosed(volume, "rename");
    this.#requireFree(name);
    return await this.#follow(volume, { name });
  }

  /** Hides a volume. Rejects with `InUse`. */
  async retire(volume: Volume): Promise<Volume> {
    this.#requireClosed(volume, "retire");
    return await this.#follow(volume, { retired: true });
  }

  /** Brings a retired volume back. Rejects with `BadName` or `NameTaken`. */
  async unretire(volume: Volume, name: string): Promise<Volume> {
    this.#requireFree(name);
    return await this.#follow(volume, { name });
  }

  /** Moves the head to an old state. Rejects with `InUse` or `OtherVolume`. */
  async restore(volume: Volume, state: ViewRoot): Promise<Volume> {
    const { volumeId, name, blockCount, depth, treeRoot } = state.record;
    if (volumeId !== volume.id) {
      throw new ArchiveError(
        "OtherVolume",
        `Cannot restore volume "${volume.name}" to root ${state.hash}, which is a state of another volume, "${name}": make a volume of it with "clone root:${state.hash} NAME"`,
      );
    }
    // An open volume may have newer writes, even if its head is that state.
    this.#requireClosed(volume, "restore");
    if (state.hash === volume.head.hash) return volume;
    const parentHash = state.hash;
    return await this.#follow(volume, {
      blockCount,
      depth,
      treeRoot,
      parentHash,
    });
  }

  /**
   * The size in blocks that a volume would have after an image of so many was
   * imported into it: its own where that is larger. Throws `InUse` or `BadName`.
   */
  importSize(name: string, blockCount: number): number {
    checkName("volume", name);
    depthFor(blockCount);
    const volume = this.#options.volumes.find(name);
    if (volume === undefined) return blockCount;
    this.#requireClosed(volume, "import into");
    return Math.max(blockCount, volume.head.record.blockCount);
  }

  /**
   * Makes a tree whose blocks are all stored the content of a volume. Rejects
   * with `InUse`, `SizeMismatch`, `BadName`, or `Damaged` where the top of the
   * tree is missing.
   */
  async replace(tree: ImportedTree): Promise<Volume> {
    const { context, volumes, blocks } = this.#options;
    const { volume: name, blockCount } = tree;
    const size = this.importSize(name, blockCount);
    const volume = volumes.find(name);
    const depth = depthFor(blockCount);
    const treeRoot = fromHex(tree.treeRoot);
    if (size !== blockCount) {
      throw new ArchiveError(
        "SizeMismatch",
        `Cannot import into volume "${name}": it has grown meanwhile to ${
          size * BLOCK_SIZE
        } bytes; import again`,
      );
    }
    // Asked again by a program that did not get the answer.
    const { head } = volume ?? {};
    const same = head?.record.blockCount === blockCount &&
      equalBytes(treeRoot, head.record.treeRoot);
    if (volume !== undefined && same) return volume;
    // Checkpoints wait until this is done.
    const ready = readyWithin(await blocks.get(), SEEK_MS);
    const [top] = isZero(treeRoot)
      ? []
      : await ready.pointers.load(depth, treeRoot);
    if (top !== undefined && !isPointerBlock(top)) {
      throw new ArchiveError(
        "Damaged",
        `Cannot import into volume "${name}": the top of its tree, ${tree.treeRoot}, is not in the archive in ${context.store.display} (${top.reason}); import again`,
      );
    }
    const change = { blockCount, depth, treeRoot };
    const record = volume === undefined
      ? this.#first(name, change)
      : nextRecord(volume.head, change, this.#maker());
    const { blocksWritten, blocksNew, packs, packBytes: byteCount } = tree;
    return await this.#publish({ record, blocksWritten, blocksNew }, volume, {
      writtenBefore: { packs, byteCount },
    });
  }

  async #begin(
    name: string,
    content: Pick<
      RootRecord,
      "blockCount" | "depth" | "treeRoot" | "parentHash"
    >,
  ): Promise<Volume> {
    this.#requireFree(name);
    return await this.#publish({ record: this.#first(name, content) });
  }

  #first(
    name: string,
    content:
      & Omit<StateChange, "name">
      & Pick<
        RootRecord,
        "blockCount" | "depth" | "treeRoot"
      >,
  ): RootRecord {
    const volumeId = this.#options.context.random(VOLUME_ID_LENGTH).toHex();
    return { volumeId, name, ...content, sequence: 0, ...this.#maker() };
  }

  #follow(volume: Volume, change: StateChange): Promise<Volume> {
    const record = nextRecord(volume.head, change, this.#maker());
    return this.#publish({ record }, volume);
  }

  async #publish(
    state: NewState,
    volume?: Volume,
    given: GivenPacks = {},
  ): Promise<Volume> {
    let changed = volume;
    await this.#publishAll([state], (root) => {
      if (changed === undefined) changed = this.#options.volumes.add(root);
      else changed.head = root;
    }, given);
    return changed!;
  }

  async #publishAll(
    states: readonly NewState[],
    onPublished: PublishOptions["onPublished"],
    given: GivenPacks = {},
  ): Promise<void> {
    const { context, claim, blocks } = this.#options;
    const ready = await blocks.get();
    const beginWrite = (): BlockWriter => ready.blocks.write();
    const { writer = beginWrite(), ...before } = given;
    await publishRoots(states, writer, {
      ...before,
      context,
      claim: claim(),
      beginWrite,
      onPublished,
    });
  }

  #maker(): Maker {
    const { context, claim, stateId } = this.#options;
    return {
      timeMs: context.clock.nowMs(),
      epoch: claim().epoch,
      writerId: stateId,
    };
  }

  #requireFree(name: string): void {
    checkName("volume", name);
    if (this.#options.volumes.find(name) === undefined) return;
    throw new ArchiveError(
      "NameTaken",
      `There is a volume "${name}" in the archive in ${this.#options.context.store.display}: choose another name, or rename that one first`,
    );
  }

  #requireClosed(volume: Volume, what: string): void {
    if (!this.#options.views.isOpen(volume)) return;
    throw new ArchiveError(
      "InUse",
      `Cannot ${what} volume "${volume.name}" while it is in use: stop the server, or remove the targets that serve it, and try again`,
    );
  }
}
