/**
 * An open archive: the archive thread's half behind `ArchivePort`.
 *
 * Invariants:
 * - at most one writer of packs at a time (a checkpoint, or the making of a
 *   volume), in the order of the calls;
 * - a head moves only after its root is published, and a fetch stands on the
 *   root that was the head when it began;
 * - nothing is written after the claim was found lost.
 *
 * @module
 */

import type {
  ArchivePort,
  CheckpointResult,
  FetchRequest,
  FetchResult,
  FrozenGeneration,
  SnapshotDescription,
  ViewDescription,
  ViewRequest,
} from "../archive_port.ts";
import { BlockKind } from "../block_store.ts";
import { ArchiveError } from "../errors.ts";
import type { ArchiveOptions } from "./archive_options.ts";
import { fromHex, toHex } from "./bytes.ts";
import { runCheckpoint } from "./checkpoint.ts";
import type { Claim } from "./claim.ts";
import type { EngineContext } from "./context.ts";
import { DamageReport, ReportedDamage } from "./damage_report.ts";
import { fetchBlocks } from "./fetch.ts";
import { depthFor } from "./geometry.ts";
import { checkName } from "./names.ts";
import { OpenBlocks } from "./open_blocks.ts";
import { decodeRoot } from "./root.ts";
import { publishRoots } from "./root_publisher.ts";
import { findRootByHash, readRoot } from "./root_store.ts";
import { HASH_PATTERN } from "./sealed_text.ts";
import { listSnapshots, putSnapshot, readSnapshot } from "./snapshots.ts";
import { Turns } from "./turns.ts";
import { describeView, rootOf, treeOf, type ViewRoot, Views } from "./views.ts";
import { checkSize, type Volume, type Volumes } from "./volumes.ts";

/** What an `Archive` is made of. */
export interface ArchiveParts {
  /** The archive's id, 32 hexadecimal digits. */
  readonly archiveId: string;
  /** The engine's surroundings. */
  readonly context: EngineContext;
  /** The claim; absent when the archive is only read. */
  readonly claim?: Claim;
  /** The volumes found. */
  readonly volumes: Volumes;
  /** Aborted by `close`, to end waits for a store that does not answer. */
  readonly closing: AbortController;
  /** What it was opened with. */
  readonly options: ArchiveOptions;
}

const VOLUME_ID_LENGTH = 16;

/** An open archive; made by `openArchive`. */
export class Archive implements ArchivePort {
  readonly archiveId: string;
  readonly epoch: number;
  readonly lost: Promise<Error>;
  readonly #parts: ArchiveParts;
  readonly #blocks: OpenBlocks;
  readonly #views = new Views();
  /** Openings of views, so that one name is not made twice. */
  readonly #openings = new Turns();
  /** Everything that writes packs and roots. */
  readonly #writes = new Turns();
  readonly #reported: ReportedDamage;
  readonly #pending = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  /** Takes over the parts. */
  constructor(parts: ArchiveParts) {
    const { claim, context, volumes, options } = parts;
    this.#parts = parts;
    this.#blocks = new OpenBlocks(
      context,
      options,
      parts.archiveId,
      () => volumes.all().map(({ head }) => head),
    );
    this.#reported = new ReportedDamage(() => context.clock.nowMs());
    this.archiveId = parts.archiveId;
    this.epoch = claim?.epoch ?? 0;
    this.lost = claim?.lost ?? new Promise(() => {});
  }

  /** Makes all blocks findable now, instead of when first needed. */
  async ready(): Promise<void> {
    await this.#blocks.get();
  }

  /** Closes the blocks and lets go of the claim; the store stays open. */
  async letGo(): Promise<void> {
    await this.#blocks.close();
    await this.#parts.claim?.release();
  }

  openView(request: ViewRequest): Promise<ViewDescription> {
    return this.#run(() => this.#openings.run(() => this.#openView(request)));
  }

  fetch(request: FetchRequest): Promise<FetchResult> {
    return this.#run(async () => {
      const { view: id, blocks, slots } = request;
      const view = this.#views.get(id);
      const { record } = rootOf(view);
      const { pool, onEvent } = this.#parts.options;
      const report = new DamageReport();
      const states = await fetchBlocks(
        treeOf(record),
        blocks,
        (index, block) => pool.slot(slots[index]!).set(block),
        { ...await this.#blocks.get(), report },
      );
      const { snapshot } = view;
      const named = snapshot === undefined ? {} : { snapshot };
      report.emit({ onEvent, reported: this.#reported }, {
        name: record.name,
        ...named,
      });
      return { sequence: record.sequence, states };
    });
  }

  checkpoint(generation: FrozenGeneration): Promise<CheckpointResult> {
    return this.#run(() =>
      this.#writes.run(async () => {
        const { context, options } = this.#parts;
        const result = await runCheckpoint(generation, {
          context,
          claim: this.#claim(),
          stateId: options.stateId,
          pool: options.pool,
          views: this.#views,
          reported: this.#reported,
          ...await this.#blocks.get(),
        });
        await this.saveHints();
        return result;
      })
    );
  }

  createSnapshot(view: number, name: string): Promise<SnapshotDescription> {
    return this.#run(async () => {
      const root = rootOf(this.#views.get(view));
      await this.#claim().check();
      return putSnapshot(this.#parts.context, name, root);
    });
  }

  listSnapshots(volume?: string): Promise<SnapshotDescription[]> {
    return this.#run(async () => {
      const { context, volumes } = this.#parts;
      const id = volume === undefined ? undefined : volumes.get(volume).id;
      const stored = await listSnapshots(context, id);
      return stored.map(({ volumeId: _, ...snapshot }) => snapshot);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Remembers the heads; a failure is reported and does no harm. */
  async saveHints(): Promise<void> {
    const { archiveId, claim, volumes, options } = this.#parts;
    if (claim === undefined) return;
    try {
      const heads = volumes.hints();
      await options.hints?.save({ archiveId, epoch: this.epoch, heads });
    } catch (error) {
      options.onEvent({
        event: "hints-unsaved",
        severity: "strange",
        message: `Cannot save what local state remembers of the archive: ${
          String(error)
        }; the next start will list its roots`,
      });
    }
  }

  async #close(): Promise<void> {
    const { closing, options } = this.#parts;
    closing.abort();
    await Promise.allSettled(this.#pending);
    await this.letGo();
    await options.store.close();
  }

  /** Runs work that `close` waits for. */
  async #run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed !== undefined) {
      throw new ArchiveError("Closed", "The archive was closed");
    }
    const pending = work();
    this.#pending.add(pending);
    try {
      return await pending;
    } finally {
      this.#pending.delete(pending);
    }
  }

  #claim(): Claim {
    const { claim, options } = this.#parts;
    if (claim !== undefined) return claim;
    throw new ArchiveError(
      "ReadOnly",
      `Cannot write the archive in ${options.store.display}: it was opened for reading only`,
    );
  }

  async #openView(request: ViewRequest): Promise<ViewDescription> {
    const { volume: name, snapshot, root, createBlockCount } = request;
    if (root !== undefined) {
      return describeView(this.#views.openRoot(await this.#findRoot(root)));
    }
    if (name === undefined) {
      throw new RangeError("A view needs a volume or a root");
    }
    checkName("volume", name);
    const { volumes } = this.#parts;
    if (snapshot !== undefined) {
      const stored = await this.#snapshotRoot(volumes.get(name), snapshot);
      return describeView(this.#views.openRoot(stored, snapshot));
    }
    if (createBlockCount === undefined) {
      return describeView(this.#views.openHead(volumes.get(name)));
    }
    const volume = volumes.find(name) ??
      await this.#writes.run(() => this.#createVolume(name, createBlockCount));
    checkSize(volume, createBlockCount);
    return describeView(this.#views.openHead(volume));
  }

  async #createVolume(name: string, blockCount: number): Promise<Volume> {
    const { context, volumes, options } = this.#parts;
    const claim = this.#claim();
    const { blocks } = await this.#blocks.get();
    const depth = depthFor(blockCount);
    const record = {
      volumeId: toHex(context.random(VOLUME_ID_LENGTH)),
      name,
      blockCount,
      depth,
      treeRoot: new Uint8Array(32),
      sequence: 0,
      timeMs: context.clock.nowMs(),
      epoch: claim.epoch,
      writerId: options.stateId,
    };
    const beginWrite = (): ReturnType<typeof blocks.write> => blocks.write();
    let volume: Volume | undefined;
    await publishRoots([{ record }], beginWrite(), {
      context,
      claim,
      beginWrite,
      onPublished: (root) => {
        volume = volumes.add(root);
      },
    });
    await this.saveHints();
    return volume!;
  }

  async #snapshotRoot(volume: Volume, name: string): Promise<ViewRoot> {
    const { context } = this.#parts;
    const snapshot = await readSnapshot(context, volume, name);
    const { rootHash, sequence } = snapshot;
    try {
      const root = await readRoot(context, volume.id, sequence);
      if (root.hash === rootHash) return root;
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      const root = await this.#rootBlock(rootHash);
      if (root === undefined) throw error;
      return root;
    }
    return this.#findRoot(rootHash);
  }

  /** A root by its hash: its block in a pack, else its blob. */
  async #findRoot(hash: string): Promise<ViewRoot> {
    const { context, options } = this.#parts;
    if (!HASH_PATTERN.test(hash)) {
      throw new ArchiveError(
        "NoRoot",
        `"${hash}" is no root hash: a root hash has 64 of 0-9 and a-f`,
      );
    }
    const root = await this.#rootBlock(hash) ??
      await findRootByHash(context, hash);
    if (root !== undefined) return root;
    throw new ArchiveError(
      "NoRoot",
      `There is no root ${hash} in the archive in ${options.store.display}: "snapshot list" shows root hashes`,
    );
  }

  async #rootBlock(hash: string): Promise<ViewRoot | undefined> {
    const { reader } = await this.#blocks.get();
    let bytes: Uint8Array | undefined;
    await reader.read(BlockKind.Root, fromHex(hash), (_, block) => {
      bytes = block?.slice();
    });
    try {
      return bytes && { record: decodeRoot(bytes), hash };
    } catch (error) {
      throw new ArchiveError(
        "Unsupported",
        `Cannot read root ${hash}: ${
          (error as Error).message
        }; use a newer program`,
        { cause: error },
      );
    }
  }
}
