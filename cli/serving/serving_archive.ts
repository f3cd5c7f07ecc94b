/**
 * An archive opened for serving: the engine on its thread, the front on this
 * one, and the state folder that both use.
 *
 * @module
 */

import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import type { Disk } from "../../cas/disk/disk.ts";
import { openRealDisk } from "../../cas/disk/real_disk.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { noArchiveError } from "../../cas/engine/format.ts";
import type { ArchiveAccess } from "../../cas/engine/archive_options.ts";
import { FORMAT_KEY } from "../../cas/engine/names.ts";
import { ArchiveError } from "../../cas/errors.ts";
import type { EventSink } from "../../cas/events.ts";
import { ArchiveFront } from "../../cas/front/archive_front.ts";
import type { FrontBudget } from "../../cas/front/front_options.ts";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import { parseFileUrl } from "../../blobstores/file_url.ts";
import type { PluginEntry } from "../../plugins/configured.ts";
import type { ArchiveOpening } from "../archive/archive_opening.ts";
import { controlSocketPath } from "./control.ts";
import {
  defaultLagMs,
  defaultMemoryBytes,
  machineMemoryBytes,
  memoryBudget,
} from "../archive/memory_budget.ts";
import { type JournalWrites, openJournalWrites } from "./journal_writes.ts";
import { describeHolder, newestClaim, thisHolder } from "../state/holder.ts";
import { PoolPages } from "../archive/pool_pages.ts";
import { randomBytes } from "../archive/random_bytes.ts";
import {
  openStateFolder,
  type StateFolder,
  StateFolderBusyError,
  stateFolderPath,
} from "../state/state_folder.ts";
import {
  openLayeredStore,
  type StoreOpening,
} from "../archive/store_opening.ts";
import type { StoreSettings } from "../options/store_settings.ts";

/** Which archive to serve. */
export interface ServingArchiveOptions {
  /** URL of the blob store. */
  readonly storeUrl: string;
  /** Plugins that the operator allows, where any. */
  readonly plugins?: readonly PluginEntry[];
  /** What the layers around the store do, where not the default. */
  readonly storeSettings?: StoreSettings;
  /** How far the store may be behind, in milliseconds; by its kind when absent. */
  readonly maxLagMs?: number;
  /** `--state`, where given. */
  readonly state?: string;
  /** Make the archive if it is missing. */
  readonly create: boolean;
  /** Opens the engine: on a thread of its own, or on this one. */
  readonly openPort: (
    opening: ArchiveOpening,
    pool: BlockPool,
    onEvent: EventSink,
  ) => Promise<OpenedArchive>;
  /** What the archive is opened for. */
  readonly access: ArchiveAccess;
  /** Memory to take; a tenth of the machine's when absent. */
  readonly memoryBytes?: number;
  /** Takes events. */
  readonly onEvent: EventSink;
}

/** An open archive. */
export interface ServingArchive {
  /** The engine. */
  readonly port: OpenedArchive;
  /** The journal and its disks. */
  readonly front: ArchiveFront;
  /** Limits of journal and overlay. */
  readonly budget: FrontBudget;
  /** Where the control socket belongs; absent without a state folder. */
  readonly controlPath?: string;
  /** The state folder; absent where nothing outlives the process. */
  readonly state?: StateFolder;
  /** Folds everything into the archive and lets go of it. */
  close(): Promise<void>;
}

/** Opens an archive with its journal. Nothing stays open on rejection. */
export async function openServingArchive(
  options: ServingArchiveOptions,
): Promise<ServingArchive> {
  const { storeUrl, onEvent } = options;
  const isVolatile = /^memory:/i.test(storeUrl);
  // In memory there is never an archive of before that a typing error hides.
  const create = options.create || isVolatile;
  if (!create) await requireArchive(options);
  const state = await openState(options);
  const stateId = state?.stateId ?? crypto.randomUUID().replaceAll("-", "");
  const controlPath = state && controlPathIn(state, onEvent);
  // What is stored in memory is another archive with every start.
  const kept = isVolatile ? undefined : state;
  const lagMsMax = options.maxLagMs ?? defaultLagMs(storeUrl);
  const budget = memoryBudget(
    options.memoryBytes ?? defaultMemoryBytes(machineMemoryBytes()),
    lagMsMax,
  );
  const pool = BlockPool.allocate(budget.poolSlotCount);
  const journalWrites = openJournalWrites();
  const pages = PoolPages.open(pool.memory);
  let port: OpenedArchive | undefined;
  try {
    port = await options.openPort(
      {
        storeUrl,
        ...(options.plugins === undefined ? {} : { plugins: options.plugins }),
        ...(options.storeSettings === undefined
          ? {}
          : { storeSettings: options.storeSettings }),
        create,
        access: options.access,
        budget: budget.engine,
        stateId,
        holder: thisHolder(controlPath),
        ...(kept === undefined ? {} : {
          indexPath: kept.indexPath,
          headsPath: kept.headsPath,
          scrubPath: kept.scrubPath,
          cachePath: kept.cachePath,
        }),
      },
      pool,
      onEvent,
    );
    kept?.bind(port.archiveId);
    const journaled = options.access === "read" ? undefined : kept;
    const front = await ArchiveFront.open({
      port,
      pool,
      disk: journalDisk(journaled, journalWrites),
      stateId,
      // In memory there is nothing to be gained by files that are filled ahead.
      budget: journaled === undefined
        ? { ...budget.front, journalFillBytes: 0 }
        : budget.front,
      ...(pages === undefined ? {} : {
        preparePool: (end) => pages.prepare(end),
      }),
      report: onEvent,
    });
    const opened = port;
    return {
      port,
      front,
      budget: budget.front,
      ...(controlPath === undefined ? {} : { controlPath }),
      ...(state === undefined ? {} : { state }),
      async close(): Promise<void> {
        await front.close();
        journalWrites?.close();
        await opened.close();
        await pages?.close();
        state?.close();
      },
    };
  } catch (error) {
    await port?.close();
    journalWrites?.close();
    await pages?.close();
    state?.close();
    throw error;
  }
}

/** Refuses a store without an archive before anything is made beside it. */
async function requireArchive(options: ServingArchiveOptions): Promise<void> {
  const store = await openChosen(options, { forArchive: false });
  try {
    if (await store.head(FORMAT_KEY) === null) {
      throw await noArchiveError(store);
    }
  } finally {
    await store.close();
  }
}

/** Where commands will reach this server; undefined where Deno does not allow it a socket. */
function controlPathIn(
  state: StateFolder,
  onEvent: EventSink,
): string | undefined {
  const path = controlSocketPath(state.path, state.stateId);
  const { state: permission } = Deno.permissions.querySync({
    name: "net",
    host: `unix:${path}`,
  });
  if (permission === "granted") return path;
  onEvent({
    event: "no-control-socket",
    severity: "expected",
    message:
      `Other commands, such as snapshot create, cannot reach this server: allow its socket with --allow-net=unix:${path}`,
  });
  return undefined;
}

async function openState(
  options: ServingArchiveOptions,
): Promise<StateFolder | undefined> {
  const { storeUrl } = options;
  const storePath = /^file:/i.test(storeUrl)
    ? parseFileUrl(storeUrl, () => Deno.cwd())
    : undefined;
  // The folder beside the store belongs to the server that writes it.
  if (options.access === "read" && options.state === undefined) {
    return undefined;
  }
  const path = stateFolderPath(storePath, storeUrl, options.state);
  if (path === undefined) return undefined;
  try {
    return openStateFolder(path, randomBytes);
  } catch (error) {
    if (!(error instanceof StateFolderBusyError)) throw error;
    throw await heldError(options, error);
  }
}

function openChosen(
  { storeUrl, onEvent, ...choice }: ServingArchiveOptions,
  opening: StoreOpening,
): Promise<BlobStore> {
  return openLayeredStore(
    { ...choice, store: storeUrl },
    { ...opening, readOnly: true, onEvent },
  );
}

/** A busy state folder means a running server: say which one, if it is this archive's. */
async function heldError(
  options: ServingArchiveOptions,
  busy: StateFolderBusyError,
): Promise<ArchiveError> {
  const store = await openChosen(options, { forArchive: true });
  try {
    const holder = describeHolder(await newestClaim(store));
    return new ArchiveError(
      "Held",
      `Cannot open the archive in ${store.display}: it is held by ${holder}; stop that server first (${busy.path} is in use)`,
      { cause: busy },
    );
  } finally {
    await store.close();
  }
}

/** Where nothing is written that outlives the process, the journal need not, either. */
function journalDisk(
  state: StateFolder | undefined,
  writes: JournalWrites | undefined,
): Disk {
  if (state === undefined) return new SimulatedDisk({ random: Math.random });
  const options = writes && { writeElsewhere: writes.write };
  return openRealDisk(state.journalPath, options);
}
