/**
 * Blob stores: the contract, the built-in stores, layers around any store,
 * and the conformance suite.
 *
 * @module
 */

export * from "./blob_store.ts";
export * from "./conformance.ts";
export * from "./faults.ts";
export { STATE_FOLDER } from "./file_layout.ts";
export * from "./file_store.ts";
export * from "./file_system.ts";
export * from "./file_url.ts";
export * from "./layers/mod.ts";
export * from "./memory_store.ts";
export * from "./operation.ts";
export * from "./plugin.ts";
export * from "./system_disk.ts";
