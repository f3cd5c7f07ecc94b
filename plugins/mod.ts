/**
 * Plugins: which module opens the blob stores of which URL scheme, and how a
 * module from elsewhere is verified, loaded and guarded.
 *
 * @module
 */

export * from "./configured.ts";
export * from "./contract.ts";
export * from "./guard.ts";
export * from "./guarded_errors.ts";
export * from "./loader.ts";
export * from "./module_bytes.ts";
export * from "./nearest.ts";
export * from "./open_guarded.ts";
export * from "./package_lock.ts";
export * from "./package_module.ts";
export * from "./pin.ts";
export * from "./registry.ts";
export * from "./settings.ts";
