/**
 * Layers around any store.
 *
 * @module
 */

export * from "./backoff.ts";
export * from "./layer.ts";
export * from "./layered.ts";
export * from "./limits.ts";
export * from "./metrics.ts";
export * from "./prefix.ts";
export * from "./read_only.ts";
export * from "./retry.ts";
export * from "./watchdog.ts";
