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
  CheckpointResult,
  FetchRequest,
  FetchResult,
  FrozenGeneration,
  SeekRequest,
  Shortage,
  SnapshotDescription,
  ViewDescription,
  ViewRequest,
} from "../archive_port.ts";
import type {
  OpenedArchive,
  OperationName,
  OperationRequest,
  OperationResult,
} from "../archive_operations.ts";
import { ArchiveError } from "../errors.ts";
import type { ArchiveOptions } from "./archive_options.ts";
import { runCheckpoint } from "./checkpoint.ts";
import type { Claim } from "./claim.ts";
import type { EngineContext } from "./context.ts";
import { DamageReport, ReportedDamage } from "./damage_report.ts";
import { fetchBlocks } from "./fetch.ts";
import { SEEK_MS } from "./block_reader.ts";
import { OpenBlocks, readyWithin } from "./open_blocks.ts";
import { Refresh } from "./refresh.ts";
import { Operations } from "./operations.ts";
import { Scrubs } from "./scrub.ts";
import { putSnapshot } from "./snapshots.ts";
import { States } from "./states.ts";
import { Turns } from "./turns.ts";
import { VolumeChanges } from "./volume_changes.ts";
import { ViewOpenings } from "./view_openings.ts";
import { rootOf, treeOf, Views } from "./views.ts";
import type { Volumes } from "./volumes.ts";

/** What is told from this machine alone, so also while the store is away. */
const LOCAL_OPERATIONS: readonly OperationName[] = [
  "index status",
  "scrub status",
];

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
  /** Local state remembers nothing by which an index that names too much would show. */
  readonly indexMayBeAhead: boolean;
}

/** An open archive; made by `openArchive`. */
export class Archive implements OpenedArchive {
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
  readonly #viewOpenings: ViewOpenings;
  readonly #scrubs: Scrubs;
  readonly #operations: Operations;
  readonly #refresh: Refresh;
  readonly #pending = new Set<Promise<unknown>>();
  /** A copy of the index is on its way to the store. */
  #copying: Promise<void> | undefined;
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
      parts.indexMayBeAhead,
    );
    this.#reported = new ReportedDamage(() => context.clock.nowMs());
    const states = new States(context, volumes, this.#blocks);
    this.#refresh = new Refresh(
      context,
      (context) =>
        claim === undefined ? volumes.refresh(context) : volumes.mend(context),
      this.#blocks,
    );
    const shared = {
      context,
      claim: () => this.#claim(),
      volumes,
      blocks: this.#blocks,
    };
    const changes = new VolumeChanges({
      ...shared,
      stateId: options.stateId,
      views: this.#views,
    });
    this.#viewOpenings = new ViewOpenings({
      hasClaim: claim !== undefined,
      volumes,
      views: this.#views,
      states,
      changes,
      refresh: this.#refresh,
      writes: this.#writes,
      saveHints: () => this.saveHints(),
    });
    this.#scrubs = new Scrubs({
      context,
      archiveId: parts.archiveId,
      blocks: () => this.#blocks.get(),
      seenHeads: () => volumes.hints(),
      ...(options.scrubs === undefined ? {} : { memory: options.scrubs }),
    });
    this.#operations = new Operations({
      ...shared,
      scrubs: this.#scrubs,
      states,
      changes,
      reported: this.#reported,
      alone: (change) => this.#alone(change),
    });
    this.archiveId = parts.archiveId;
    this.epoch = claim?.epoch ?? 0;
    this.lost = claim?.lost ?? new Promise(() => {});
  }

  /** Makes all blocks findable now, instead of when first needed. */
  async ready(): Promise<void> {
    await this.#blocks.get();
    await this.#scrubs.start();
  }

  /** Closes the blocks and lets go of the claim; the store stays open. */
  async letGo(): Promise<void> {
    await this.#scrubs.close();
    await this.#blocks.close();
    await this.#parts.claim?.release();
  }

  openView(request: ViewRequest): Promise<ViewDescription> {
    return this.#run(() =>
      this.#openings.run(() => this.#viewOpenings.open(request))
    );
  }

  beginWrites(): Promise<void> {
    return this.#run(() =>
      this.#openings.run(() => this.#viewOpenings.beginWrites())
    );
  }

  newerView(view: number): Promise<ViewDescription | undefined> {
    return this.#run(() => this.#viewOpenings.openNewer(view));
  }

  closeView(view: number): Promise<void> {
    return this.#run(async () => await this.#views.close(view));
  }

  confirm(): Promise<void> {
    return this.#run(async () => await this.#parts.claim?.check());
  }

  fetch(request: FetchRequest): Promise<FetchResult> {
    return this.#run(async () => {
      const { view: id, blocks, slots, sought } = request;
      const view = this.#views.get(id);
      const { record } = rootOf(view);
      const { pool, onEvent } = this.#parts.options;
      const { clock } = this.#parts.context;
      const startMs = clock.nowMs();
      const report = new DamageReport();
      const seekMs = sought === undefined ? SEEK_MS : 0;
      const states = await fetchBlocks(
        treeOf(record),
        blocks,
        (index, block) => pool.slot(slots[index]!).set(block),
        {
          ...readyWithin(await this.#blocks.get(), seekMs),
          report,
          leavesUnknown: sought === false,
        },
      );
      const { snapshot } = view;
      const named = snapshot === undefined ? {} : { snapshot };
      report.emit({ onEvent, reported: this.#reported }, {
        name: record.name,
        ...named,
      });
      const durationMs = clock.nowMs() - startMs;
      return { sequence: record.sequence, states, durationMs };
    });
  }

  seek({ view, blocks }: SeekRequest): Promise<void> {
    return this.#run(async () => {
      const { record } = rootOf(this.#views.get(view));
      const { ahead: _, ...ready } = readyWithin(
        await this.#blocks.get(),
        SEEK_MS,
      );
      const report = new DamageReport();
      await fetchBlocks(treeOf(record), blocks, () => {}, { ...ready, report });
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
          ...readyWithin(await this.#blocks.get(), SEEK_MS),
        });
        await this.saveHints();
        this.#copyIndex();
        return result;
      })
    );
  }

  createSnapshot(view: number, name: string): Promise<SnapshotDescription> {
    return this.#run(async () => {
      const root = rootOf(this.#views.get(view));
      await this.#claim().check();
      return putSnapshot(this.#parts.context, name, root, root.record.name);
    });
  }

  async listSnapshots(volume?: string): Promise<SnapshotDescription[]> {
    const request = volume === undefined ? {} : { volume };
    return [...await this.operate("snapshot list", request)];
  }

  operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationResult<Name>> {
    return this.#run(async () => {
      if (!LOCAL_OPERATIONS.includes(name)) await this.#refresh.run();
      return await this.#operations.operate(name, request);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  shortage(): Promise<Shortage | undefined> {
    const { room } = this.#parts.context.retry;
    return Promise.resolve(room.shortage ?? this.#blocks.shortage);
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
    await this.#copying;
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

  /** Beside everything else: it is a cache, and nobody waits for it. */
  #copyIndex(): void {
    this.#copying ??= this.#blocks.get()
      .then(({ blocks }) => blocks.copyIndex())
      // Only a closed archive is not told of by itself.
      .catch(() => {})
      .finally(() => {
        this.#copying = undefined;
      });
  }

  #claim(): Claim {
    const { claim, options } = this.#parts;
    if (claim !== undefined) return claim;
    throw new ArchiveError(
      "ReadOnly",
      `Cannot write the archive in ${options.store.display}: it was opened for reading only`,
    );
  }

  /** Runs a change beside no other, no checkpoint and no opening of a view. */
  #alone<Result>(change: () => Promise<Result>): Promise<Result> {
    return this.#openings.run(() =>
      this.#writes.run(async () => {
        const result = await change();
        await this.saveHints();
        return result;
      })
    );
  }
}
