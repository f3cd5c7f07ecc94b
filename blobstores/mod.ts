/**
 * Blob stores: the contract, the built-in stores, layers around any store,
 * and the conformance suite.
 *
 * @module
 */

export * from "./blob_store.ts";
export * from "./memory_store.ts";
export * from "./operation.ts";
