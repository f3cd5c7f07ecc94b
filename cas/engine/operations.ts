/**
 * Carries out the operations of an archive.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import { cacheOf } from "../../blobstores/layers/cache_statistics.ts";
import { metricsOf } from "../../blobstores/layers/metrics.ts";
import type {
  ArchiveOperator,
  ArchiveStatistics,
  OperationName,
  OperationRequest,
  OperationResult,
  StoreStatistics,
} from "../archive_operations.ts";
import type { DiffPage } from "../volume_states.ts";
import type { SnapshotDescription } from "../archive_port.ts";
import { checkArchive } from "./check.ts";
import type { Claim } from "./claim.ts";
import type { EngineContext } from "./context.ts";
import { describeState } from "./describe_state.ts";
import { DamageReport, type ReportedDamage } from "./damage_report.ts";
import { addUnknownPacks, forsakeGonePacks } from "./listed_packs.ts";
import { locateBlocks } from "./locate.ts";
import type { OpenBlocks } from "./open_blocks.ts";
import { historyPage } from "./root_history.ts";
import {
  listSnapshots,
  putSnapshot,
  retireSnapshot,
  type SnapshotChoice,
} from "./snapshots.ts";
import { type CountedState, countStates } from "./statistics.ts";
import type { Scrubs } from "./scrub.ts";
import { rebuildBlocks } from "./start_blocks.ts";
import type { States } from "./states.ts";
import { diffTrees } from "./tree_diff.ts";
import { treeOf } from "./views.ts";
import type { VolumeChanges } from "./volume_changes.ts";
import type { Volume, Volumes } from "./volumes.ts";

/** What operations work with. */
export interface OperationsOptions {
  /** The engine's surroundings. */
  readonly context: EngineContext;
  /** The claim; throws where the archive is only read. */
  readonly claim: () => Claim;
  /** The archive's volumes. */
  readonly volumes: Volumes;
  /** Finds states. */
  readonly states: States;
  /** Changes volumes. */
  readonly changes: VolumeChanges;
  /** The archive's blocks. */
  readonly blocks: OpenBlocks;
  /** Scrubs. */
  readonly scrubs: Scrubs;
  /** Damage that was told of before. */
  readonly reported: ReportedDamage;
  /** Runs a change alone: beside no other, no checkpoint, no opening of a view. */
  readonly alone: <Result>(change: () => Promise<Result>) => Promise<Result>;
}

type Handlers = {
  readonly [Name in OperationName]: (
    request: OperationRequest<Name>,
  ) => Promise<OperationResult<Name>>;
};

/** The operations of one archive. */
export class Operations implements ArchiveOperator {
  readonly #options: OperationsOptions;
  readonly #handlers: Handlers;

  /** Over the parts of an archive. */
  constructor(options: OperationsOptions) {
    this.#options = options;
    const { volumes, states, changes, context, scrubs } = options;
    this.#handlers = {
      "volume list": ({ retired }) =>
        Promise.resolve(listVolumes(volumes, retired === true)),
      "volume create": ({ volume, blockCount }) =>
        this.#change(() => changes.create(volume, blockCount)),
      "clone": ({ source, volume }) =>
        this.#change(async () =>
          changes.clone(await states.find(source), volume)
        ),
      "volume grow": ({ volume, blockCount }) =>
        this.#change(() => changes.grow(volumes.get(volume), blockCount)),
      "volume rename": ({ volume, name }) =>
        this.#change(() => changes.rename(volumes.get(volume), name)),
      "volume retire": ({ volume }) =>
        this.#change(() => changes.retire(volumes.get(volume))),
      "volume unretire": ({ volume, name }) =>
        this.#change(() => {
          const retired = volumes.retired(volume);
          return changes.unretire(retired, name ?? retired.name);
        }),
      "restore": ({ volume, state }) =>
        this.#change(async () =>
          changes.restore(volumes.get(volume), await states.find(state))
        ),
      "snapshot list": ({ volume, retired }) =>
        this.#listSnapshots(volume, retired === true ? "retired" : "listed"),
      "snapshot retire": async ({ volume, name }) => {
        await options.claim().check();
        return await retireSnapshot(context, volumes.get(volume), name);
      },
      "snapshot create": (request) => this.#createSnapshot(request),
      "state": async ({ state }) => describeState(await states.find(state)),
      "history": ({ volume, ...page }) =>
        historyPage(context, volumes.get(volume), page),
      "stats": ({ volume }) => this.#stats(volume),
      "store stats": () => Promise.resolve(storeStatistics(context.store)),
      "check": async () =>
        await checkArchive(
          context,
          await options.blocks.get(),
          volumes.hints(),
        ),
      "scrub": (request) => scrubs.step(request),
      "scrub status": () => scrubs.status(),
      "index status": async () => (await options.blocks.get()).blocks.index,
      "rebuild": async () =>
        await rebuildBlocks(context, (await options.blocks.get()).blocks),
      "diff": (request) => this.#diff(request),
      "locate": async (request) =>
        await locateBlocks(request, await options.blocks.get()),
      "packs add": async ({ packs }) => {
        options.claim();
        await (await options.blocks.get()).blocks.addPacks(packs);
        return {};
      },
      "import check": async ({ volume, blockCount }) => {
        options.claim();
        const size = changes.importSize(volume, blockCount);
        const { blocks } = await options.blocks.get();
        // What an import stored that was killed counts from now on,
        const packs = await addUnknownPacks(context, blocks);
        // and nothing that is gone.
        await forsakeGonePacks(context, blocks, packs);
        return { blockCount: size };
      },
      "import": (tree) => this.#change(() => changes.replace(tree)),
    };
  }

  async operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationResult<Name>> {
    if (!Object.hasOwn(this.#handlers, name)) {
      throw new RangeError(`The archive has no operation "${name}"`);
    }
    return await this.#handlers[name](request);
  }

  #change(
    change: () => Volume | Promise<Volume>,
  ): Promise<OperationResult<"volume create">> {
    return this.#options.alone(async () =>
      describeState((await change()).head)
    );
  }

  /** Under the names that the volumes have now. */
  async #listSnapshots(
    volume: string | undefined,
    choice: SnapshotChoice,
  ): Promise<SnapshotDescription[]> {
    const { context, volumes } = this.#options;
    const id = volume === undefined ? undefined : volumes.get(volume).id;
    const stored = await listSnapshots(context, id, choice);
    return stored.flatMap(({ volumeId, ...snapshot }) => {
      const { retired, name } = volumes.byId(volumeId) ?? {};
      return retired ? [] : [{ ...snapshot, volume: name ?? snapshot.volume }];
    });
  }

  async #createSnapshot(
    { state, name }: OperationRequest<"snapshot create">,
  ): Promise<SnapshotDescription> {
    const { claim, context, states, volumes } = this.#options;
    const root = await states.find(state);
    await claim().check();
    const volume = volumes.byId(root.record.volumeId)?.name;
    return await putSnapshot(context, name, root, volume ?? root.record.name);
  }

  async #stats(name?: string): Promise<ArchiveStatistics> {
    const { context, states, volumes, blocks, reported, scrubs } =
      this.#options;
    const counted: CountedState[] = [];
    const chosen = name === undefined
      ? inOrder(volumes.all().filter((volume) => !volume.retired))
      : [volumes.get(name)];
    for (const { id, name: volume, head } of chosen) {
      counted.push({ root: head });
      for (const { name: snapshot } of await listSnapshots(context, id)) {
        const root = await states.find({ volume, snapshot });
        counted.push({ root, snapshot });
      }
    }
    const ready = await blocks.get();
    const counts = await countStates(counted, { ...ready, context, reported });
    const { index } = ready.blocks;
    return { ...counts, scrub: await scrubs.status(), index };
  }

  async #diff(request: OperationRequest<"diff">): Promise<DiffPage> {
    const { context, states, blocks, reported } = this.#options;
    const { fromBlock = 0, countMax } = request;
    const from = await states.find(request.from);
    const to = await states.find(request.to);
    const report = new DamageReport();
    const page = await diffTrees(treeOf(from.record), treeOf(to.record), {
      pointers: (await blocks.get()).pointers,
      report,
      yieldNow: () => context.clock.yieldNow(),
      fromBlock,
      countMax,
    });
    const { onEvent } = context;
    report.emit({ onEvent, reported }, { name: to.record.name });
    return page;
  }
}

function listVolumes(
  volumes: Volumes,
  retired: boolean,
): OperationResult<"volume list"> {
  return inOrder(volumes.all().filter((volume) => volume.retired === retired))
    .map(({ head }) => describeState(head));
}

/** Volumes by name, as people look for them. */
function inOrder<T extends { readonly name: string }>(
  volumes: readonly T[],
): T[] {
  return volumes.toSorted((left, right) =>
    left.name < right.name ? -1 : left.name > right.name ? 1 : 0
  );
}

function storeStatistics(store: BlobStore): StoreStatistics {
  const cache = cacheOf(store);
  return {
    display: store.display,
    operations: metricsOf(store),
    ...(cache === undefined ? {} : { cache }),
  };
}
