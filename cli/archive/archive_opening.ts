/**
 * Puts an archive together: store, codec, index, packs, engine. Runs on the
 * archive thread of a server, and in the one thread of other commands.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import type { BlockPool } from "../../cas/block_pool.ts";
import type { BlockStore } from "../../cas/block_store.ts";
import type { ArchiveAccess } from "../../cas/engine/archive_options.ts";
import type { ClaimHolder } from "../../cas/engine/claim_record.ts";
import { openRealDisk } from "../../cas/disk/real_disk.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import { openArchive } from "../../cas/engine/open_archive.ts";
import type { StoreRoom } from "../../cas/engine/store_room.ts";
import type { EventSink } from "../../cas/events.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import type { PluginEntry } from "../../plugins/configured.ts";
import { headsFile } from "../state/heads_file.ts";
import { randomBytes } from "./random_bytes.ts";
import { scrubFile } from "../state/scrub_file.ts";
import type { EngineBudget } from "./memory_budget.ts";
import { chooseCodec, type CodecChoice } from "./native_codec.ts";
import { withPackCache } from "./pack_cache.ts";
import { openLayeredStore } from "./store_opening.ts";
import type { StoreSettings } from "../options/store_settings.ts";

/** Which archive to open, and for what. Can be structured-cloned. */
export interface ArchiveOpening {
  /** URL of the blob store. */
  readonly storeUrl: string;
  /** Plugins that the operator allows, where any. */
  readonly plugins?: readonly PluginEntry[];
  /** What the layers around the store do, where not the default. */
  readonly storeSettings?: StoreSettings;
  /** Make the archive if the store holds none. */
  readonly create: boolean;
  /** What for. */
  readonly access: ArchiveAccess;
  /** Id of the state folder, 32 hexadecimal digits. */
  readonly stateId: string;
  /** Who opens it. */
  readonly holder: ClaimHolder;
  /** Folder of the index; absent to keep it in memory. */
  readonly indexPath?: string;
  /** File of the newest roots seen. */
  readonly headsPath?: string;
  /** File of where scrubs stand; absent to forget it. */
  readonly scrubPath?: string;
  /** Memory to take; what suits a small archive when absent. */
  readonly budget?: EngineBudget;
  /** Folder of the cache of packs, where the store's settings name none. */
  readonly cachePath?: string;
}

/** Opens an archive. Closing it closes everything opened for it. */
export async function openArchiveHere(
  opening: ArchiveOpening,
  pool: BlockPool,
  onEvent: EventSink,
): Promise<OpenedArchive> {
  const codec = await chooseCodec();
  let store: BlobStore | undefined;
  try {
    store = await openLayeredStore(
      { ...opening, store: opening.storeUrl },
      {
        create: opening.create,
        readOnly: opening.access === "read",
        forArchive: true,
        onEvent,
      },
    );
    store = await withPackCache(store, opening, onEvent);
    const opened = store;
    const archive = await openArchive({
      store: opened,
      openBlocks: (archiveId, room) => {
        const given = { opening, archiveId, store: opened, codec };
        return Promise.resolve(openBlocks({ ...given, room, onEvent }));
      },
      hasher: codec.hasher,
      pool,
      ...(opening.budget === undefined
        ? {}
        : { pointerCacheBytesMax: opening.budget.pointerCacheBytesMax }),
      access: opening.access,
      create: opening.create,
      stateId: opening.stateId,
      holder: opening.holder,
      ...(opening.headsPath === undefined
        ? {}
        : { hints: headsFile(opening.headsPath) }),
      ...(opening.scrubPath === undefined
        ? {}
        : { scrubs: scrubFile(opening.scrubPath) }),
      clock: systemClock,
      random: randomBytes,
      onEvent,
    });
    const close = archive.close.bind(archive);
    archive.close = async (): Promise<void> => {
      await close();
      codec.close();
    };
    return archive;
  } catch (error) {
    await store?.close();
    codec.close();
    throw error;
  }
}

interface BlocksOptions {
  readonly opening: ArchiveOpening;
  readonly archiveId: string;
  readonly store: BlobStore;
  readonly codec: CodecChoice;
  readonly room: StoreRoom;
  readonly onEvent: EventSink;
}

function openBlocks(options: BlocksOptions): BlockStore {
  const { store, codec, room, onEvent } = options;
  const { budget } = options.opening;
  return openPacks({
    store,
    index: openIndex(options),
    hasher: codec.hasher,
    lz4: codec.lz4,
    onEvent,
    room,
    sleep: systemClock.sleep,
    random: Math.random,
    ...(budget === undefined
      ? {}
      : { packsInFlightMax: budget.packsInFlightMax }),
  });
}

/** The index on disk, or in memory where there is no state folder. */
function openIndex(options: BlocksOptions): ScoreIndex {
  const { opening, archiveId, codec, onEvent } = options;
  const { budget } = opening;
  if (opening.indexPath === undefined) return new MemoryIndex();
  return DiskIndex.open({
    disk: openRealDisk(opening.indexPath),
    identity: archiveId,
    hash: (bytes) => codec.hasher.hash(bytes),
    onEvent,
    pause: systemClock.yieldNow,
    ...(budget === undefined
      ? {}
      : { filterBytesMax: budget.indexFilterBytesMax }),
  });
}
