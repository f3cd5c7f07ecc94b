/**
 * Deepshelf as a library: the AoE server and initiator, the archive engine,
 * the blob store contract and the built-in stores.
 *
 * @module
 */

export * from "./aoe/mod.ts";
export * from "./blobstores/mod.ts";
export * from "./cas/mod.ts";
export * from "./plugins/mod.ts";
