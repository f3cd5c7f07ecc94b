/**
 * The archive: content-addressed, deduplicated, compressed, append-only.
 * `openArchive` is the engine, `ArchiveFront` the journal and its disks.
 *
 * @module
 */

export * from "./archive_operations.ts";
export * from "./archive_port.ts";
export * from "./block_pool.ts";
export * from "./block_store.ts";
export * from "./codec/lz4.ts";
export type { WriteElsewhere } from "./disk/direct_writer.ts";
export * from "./disk/disk.ts";
export * from "./disk/real_disk.ts";
export * from "./disk/simulated_disk.ts";
export type { Random } from "./disk/simulated_file.ts";
export * from "./engine/archive_options.ts";
export type { ClaimHolder } from "./engine/claim_record.ts";
export * from "./engine/clock.ts";
export type { ArchiveHints, HintsCache } from "./engine/hints.ts";
export * from "./engine/open_archive.ts";
export type {
  ScrubMemory,
  ScrubPass,
  ScrubState,
} from "./engine/scrub_memory.ts";
export type { KeySpan } from "./engine/scrub_spans.ts";
export type { StoreRoom } from "./engine/store_room.ts";
export type { HeadHints } from "./engine/volumes.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./front/archive_front.ts";
export type { Clock } from "./front/clock.ts";
export type { FollowedDisk, OpenDiskOptions } from "./front/disks.ts";
export * from "./front/front_options.ts";
export type {
  DeviceIdentity,
  SectorRange,
  SettleListener,
  Volume,
} from "./front/volume.ts";
export * from "./index/disk_index.ts";
export type { IndexFilesOptions } from "./index/index_files.ts";
export * from "./index/memory_index.ts";
export * from "./index/score_index.ts";
export * from "./packs/open_packs.ts";
export type { PackOptions } from "./packs/pack_options.ts";
export * from "./score.ts";
export * from "./scrub_report.ts";
export * from "./thread/connect_archive.ts";
export type { ThreadEndpoint, ThreadStart } from "./thread/messages.ts";
export * from "./thread/serve_archive.ts";
export * from "./transfer_operations.ts";
export * from "./volume_states.ts";
