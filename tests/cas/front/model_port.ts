/**
 * An archive in plain maps behind `ArchivePort`, to test the front with.
 *
 * @module
 */

import {
  type ArchivePort,
  type CheckpointResult,
  type DeferredBlocks,
  type FetchRequest,
  type FetchResult,
  FetchState,
  type FrozenGeneration,
  type FrozenVolume,
  type NewRoot,
  type Shortage,
  type SnapshotDescription,
  type ViewDescription,
  type ViewRequest,
} from "../../../cas/archive_port.ts";
import { BLOCK_SIZE, type BlockPool } from "../../../cas/block_pool.ts";
import { ArchiveError } from "../../../cas/errors.ts";

/** A published state. Blocks are never changed, only replaced. */
export interface ModelRoot {
  readonly sequence: number;
  readonly writerId: string;
  readonly blocks: ReadonlyMap<number, Uint8Array>;
}

interface ModelVolume {
  readonly name: string;
  readonly volumeId: string;
  readonly blockCount: number;
  readonly roots: ModelRoot[];
  readonly snapshots: Map<string, ModelRoot>;
}

/** What a blob store would keep. */
export class ModelArchive {
  readonly volumes: Map<string, ModelVolume> = new Map();

  clone(): ModelArchive {
    const copy = new ModelArchive();
    for (const [name, volume] of this.volumes) {
      copy.volumes.set(name, {
        ...volume,
        roots: volume.roots.slice(),
        snapshots: new Map(volume.snapshots),
      });
    }
    return copy;
  }

  newest(name: string): ModelRoot {
    return this.volumes.get(name)?.roots.at(-1) as ModelRoot;
  }

  publish(name: string, root: ModelRoot): void {
    this.volumes.get(name)?.roots.push(root);
  }
}

export interface ModelPortOptions {
  readonly archive: ModelArchive;
  readonly pool: BlockPool;
  readonly stateId: string;
  /** Called where the engine would wait for a store. */
  readonly pause?: (where: string) => Promise<void>;
  /** Blocks that do not verify. */
  readonly damaged?: Set<number>;
  /** Volumes are opened as they are, for reading. */
  readonly readOnly?: boolean;
}

interface OpenView {
  readonly volume: ModelVolume;
  readonly fixed: ModelRoot | undefined;
}

export class ModelPort implements ArchivePort {
  readonly archiveId: string = "a".repeat(32);
  readonly epoch: number = 1;
  readonly lost: Promise<Error>;
  lose: (reason: Error) => void = () => {};
  /** Counts calls and fetched blocks. */
  fetchCount = 0;
  fetchedBlocks: number[] = [];
  checkpointCount = 0;
  checkpointing = false;
  confirmCount = 0;
  closedViews: number[] = [];
  /** What is damaged is only not found yet. */
  unsettled = false;
  /** What the store says to checkpoints. */
  full: Shortage | undefined;
  readonly #options: ModelPortOptions;
  readonly #views: OpenView[] = [];

  constructor(options: ModelPortOptions) {
    this.#options = options;
    this.lost = new Promise((resolve) => {
      this.lose = resolve;
    });
  }

  async openView(request: ViewRequest): Promise<ViewDescription> {
    await this.#pause("openView");
    const name = request.volume ?? "";
    const { volumes } = this.#options.archive;
    let volume = volumes.get(name);
    if (volume === undefined) {
      if (request.createBlockCount === undefined) {
        throw new ArchiveError("NoVolume", `No volume ${name}`);
      }
      volume = {
        name,
        volumeId: (volumes.size + 1).toString(16).padEnd(32, "0"),
        blockCount: request.createBlockCount,
        roots: [{
          sequence: 1,
          writerId: this.#options.stateId,
          blocks: new Map(),
        }],
        snapshots: new Map(),
      };
      volumes.set(name, volume);
    }
    const fixed = request.snapshot === undefined
      ? this.#options.readOnly ? volume.roots.at(-1) : undefined
      : volume.snapshots.get(request.snapshot);
    if (request.snapshot !== undefined && fixed === undefined) {
      throw new ArchiveError("NoSnapshot", `No snapshot ${request.snapshot}`);
    }
    let view = this.#views.findIndex((one) =>
      one.volume === volume && one.fixed === fixed
    );
    if (view < 0) view = this.#views.push({ volume, fixed }) - 1;
    const root = fixed ?? volume.roots.at(-1) as ModelRoot;
    return {
      view,
      volumeId: volume.volumeId,
      volume: name,
      readOnly: fixed !== undefined,
      blockCount: volume.blockCount,
      sequence: root.sequence,
      rootHash: `e${root.sequence.toString(16)}`.padEnd(64, "0"),
      writerId: root.writerId,
    };
  }

  /** Opens the newest root of a snapshot's volume as if it were one. */
  newerView(view: number): Promise<ViewDescription | undefined> {
    const { volume, fixed } = this.#views[view] as OpenView;
    const newest = volume.roots.at(-1) as ModelRoot;
    if (newest === fixed) return Promise.resolve(undefined);
    const id = this.#views.push({ volume, fixed: newest }) - 1;
    return Promise.resolve({
      view: id,
      volumeId: volume.volumeId,
      volume: volume.name,
      readOnly: true,
      blockCount: volume.blockCount,
      sequence: newest.sequence,
      rootHash: `e${newest.sequence.toString(16)}`.padEnd(64, "0"),
      writerId: newest.writerId,
    });
  }

  closeView(view: number): Promise<void> {
    this.closedViews.push(view);
    return Promise.resolve();
  }

  beginWrites(): Promise<void> {
    return Promise.resolve();
  }

  async confirm(): Promise<void> {
    this.confirmCount++;
    await this.#pause("confirm");
  }

  async fetch(request: FetchRequest): Promise<FetchResult> {
    this.fetchCount++;
    const { volume, fixed } = this.#views[request.view] as OpenView;
    const root = fixed ?? volume.roots.at(-1) as ModelRoot;
    const states = new Uint8Array(request.blocks.length);
    await this.#pause("fetch");
    for (let index = 0; index < states.length; index++) {
      const block = request.blocks[index] as number;
      this.fetchedBlocks.push(block);
      const bytes = root.blocks.get(block);
      const slot = this.#options.pool.slot(request.slots[index] as number);
      if (this.#options.damaged?.has(block)) {
        slot.fill(0xdd);
        states[index] = FetchState.Damaged;
      } else if (bytes === undefined) {
        states[index] = FetchState.Zero;
      } else {
        slot.set(bytes);
        states[index] = FetchState.Filled;
      }
    }
    return { sequence: root.sequence, states };
  }

  seek(): Promise<void> {
    return Promise.resolve();
  }

  async checkpoint(generation: FrozenGeneration): Promise<CheckpointResult> {
    if (this.checkpointing) throw new Error("two checkpoints at a time");
    this.checkpointing = true;
    this.checkpointCount++;
    try {
      const roots: NewRoot[] = [];
      const deferred: DeferredBlocks[] = [];
      for (const frozen of generation.volumes) {
        await this.#pause("checkpoint");
        const left = this.#takeDeferred(frozen);
        if (left.length > 0) {
          deferred.push({
            view: frozen.view,
            blocks: Float64Array.from(left),
            unsettled: this.unsettled,
          });
        }
        const root = this.#fold(frozen, left);
        await this.#pause("publish");
        const { volume } = this.#views[frozen.view] as OpenView;
        volume.roots.push(root);
        roots.push({
          view: frozen.view,
          sequence: root.sequence,
          rootHash: "0".repeat(64),
        });
      }
      await this.#pause("published");
      return {
        roots,
        ...(deferred.length === 0 ? {} : { deferred }),
        blocksNew: 0,
        blocksDuplicate: 0,
        blocksZero: 0,
        packBytes: 0,
        packCount: 0,
      };
    } finally {
      this.checkpointing = false;
    }
  }

  /** Parts of damaged blocks cannot be folded; whole ones heal them. */
  #takeDeferred(frozen: FrozenVolume): number[] {
    const { damaged } = this.#options;
    const left: number[] = [];
    frozen.blocks.forEach((block, index) => {
      if (!damaged?.has(block)) return;
      if (frozen.masks[index] === 0xff) damaged.delete(block);
      else left.push(block);
    });
    return left;
  }

  async shortage(): Promise<Shortage | undefined> {
    await this.#pause("shortage");
    return this.full;
  }

  async createSnapshot(
    view: number,
    name: string,
  ): Promise<SnapshotDescription> {
    const { volume } = this.#views[view] as OpenView;
    const root = volume.roots.at(-1) as ModelRoot;
    await this.#pause("snapshot");
    if (volume.snapshots.has(name)) {
      throw new ArchiveError("NameTaken", `Snapshot ${name} exists`);
    }
    volume.snapshots.set(name, root);
    return {
      volume: volume.name,
      name,
      timeMs: 0,
      rootHash: "0".repeat(64),
      sequence: root.sequence,
      blockCount: volume.blockCount,
    };
  }

  listSnapshots(): Promise<SnapshotDescription[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #fold(frozen: FrozenVolume, without: readonly number[]): ModelRoot {
    const { volume } = this.#views[frozen.view] as OpenView;
    const base = volume.roots.at(-1) as ModelRoot;
    const blocks = new Map(base.blocks);
    let before = -1;
    for (let index = 0; index < frozen.blocks.length; index++) {
      const block = frozen.blocks[index] as number;
      if (block <= before) throw new Error("the blocks do not ascend");
      before = block;
      if (without.includes(block)) continue;
      const bytes = (blocks.get(block) ?? new Uint8Array(BLOCK_SIZE)).slice();
      const slot = this.#options.pool.slot(frozen.slots[index] as number);
      for (let sector = 0; sector < 8; sector++) {
        if (((frozen.masks[index] as number) >> sector & 1) === 0) continue;
        const start = sector * 512;
        bytes.set(slot.subarray(start, start + 512), start);
      }
      blocks.set(block, bytes);
    }
    return {
      sequence: base.sequence + 1,
      writerId: this.#options.stateId,
      blocks,
    };
  }

  async #pause(where: string): Promise<void> {
    await this.#options.pause?.(where);
  }
}
