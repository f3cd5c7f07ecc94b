/**
 * ATA over Ethernet: wire structures, targets, the server's frame loop, and an
 * initiator. `BlockDevice` is what a target needs of a disk, `Link` what a
 * server needs of a network interface. AoEr11 in comments is the protocol's
 * specification: S. Hopkins, B. Coile, "AoE (ATA over Ethernet)", 2009.
 *
 * @module
 */

export * from "./ata.ts";
export * from "./block_device.ts";
export * from "./header.ts";
export * from "./identify.ts";
export * from "./clock.ts";
export type { AtaReply, AtaRequest } from "./initiator/ata_command.ts";
export * from "./initiator/errors.ts";
export * from "./initiator/exchange.ts";
export * from "./initiator/initiator.ts";
export * from "./initiator/remote_target.ts";
export * from "./link/faulty.ts";
export * from "./link/link.ts";
export * from "./link/pair.ts";
export * from "./mac_mask.ts";
export * from "./memory_device.ts";
export { Port, SECTOR_COUNT_MAX, sectorCountForMtu } from "./port.ts";
export * from "./query_config.ts";
export type { TargetAddress } from "./reply.ts";
export * from "./reserve_release.ts";
export * from "./server.ts";
export * from "./server_event.ts";
export * from "./target.ts";
export type { StateListener } from "./live_state.ts";
export type { TargetOptions, TargetStatistics } from "./target_options.ts";
export * from "./trim.ts";
export { emptyTargetState, type TargetState } from "./target_state.ts";
