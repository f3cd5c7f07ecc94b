/**
 * Plugins: which module opens the blob stores of which URL scheme.
 *
 * @module
 */

export * from "./contract.ts";
export * from "./nearest.ts";
export * from "./registry.ts";
