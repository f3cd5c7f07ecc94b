/**
 * Deepshelf as a library. `aoe` is the AoE server and initiator, `cas` the
 * archive, `blobstores` the blob store contract and the built-in stores,
 * `plugins` which module serves which URL scheme.
 *
 * @module
 */

export * as aoe from "./aoe/mod.ts";
export * as blobstores from "./blobstores/mod.ts";
export * as cas from "./cas/mod.ts";
export * as plugins from "./plugins/mod.ts";
