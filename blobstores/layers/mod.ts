/**
 * Layers around any store: `layered` puts them on.
 *
 * @module
 */

export * from "./backoff.ts";
export type { LayerClock } from "./layer.ts";
export * from "./layered.ts";
export type { StoreLimits } from "./limits.ts";
export {
  LATENCY_BOUNDS_MS,
  type OperationMetrics,
  STORE_OPERATIONS,
  type StoreMetrics,
  type StoreOperationName,
} from "./metrics.ts";
export type { RetryLayerOptions, StoreRetry } from "./retry.ts";
export type { WatchdogOptions } from "./watchdog.ts";
export { cacheOf, type PackCacheStatistics } from "./cache_statistics.ts";
export { type MirrorOptions, MirrorStore } from "./mirror.ts";
export { MirrorMember, type MirrorMemberOptions } from "./mirror_member.ts";
export type {
  MirrorConflict,
  MirrorCopy,
  MirrorRepair,
  MirrorRepairOptions,
  MirrorReplacement,
} from "./mirror_repair.ts";
