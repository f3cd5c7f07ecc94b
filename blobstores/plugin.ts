/**
 * What a plugin is: a module that opens the blob stores of one or more URL
 * schemes. The built-in stores are plugins too, and get no favours.
 *
 * A plugin is the default export of its module:
 *
 * ```ts
 * const plugin: BlobStorePlugin = {
 *   apiVersion: 1,
 *   schemes: ["shelf-at-home"],
 *   open: async (url, options, context) => await HomeShelf.open(url),
 * };
 * export default plugin;
 * ```
 *
 * A plugin throws errors that have a `code` of `BlobErrorCode`, a boolean
 * `retryable`, and a message that says what was tried, on what, what came back
 * and what to type. It never writes a secret of the URL into a message: the
 * store's `display` is the URL without them. It does not retry, cache or limit;
 * the server wraps every store in layers that do. The checks in conformance.ts
 * tell whether a store keeps the contract.
 *
 * @module
 */

import type { BlobStore } from "./blob_store.ts";

/** The version of the contract between server and plugin. */
export const PLUGIN_API_VERSION = 1;

/** The value of an option. */
export type PluginOptionValue = string | number | boolean;

/** Values of options, by name. */
export type PluginSettings = Readonly<Record<string, PluginOptionValue>>;

/** An option that a plugin takes beside the URL: data, so that it can be shown and checked. */
export interface PluginOption {
  /** Its name in the configuration: a letter, then letters, digits, `_`, `-`. */
  readonly name: string;
  /** The type of its value. */
  readonly type: "string" | "number" | "boolean";
  /** One line for the operator: what it does, what holds without it. */
  readonly description: string;
  /** The store cannot be opened without it. */
  readonly required?: boolean;
  /** Its value is never shown. */
  readonly secret?: boolean;
}

/** What the user asks of a store. */
export interface OpenOptions {
  /**
   * Make the place (a folder, a bucket) if it is missing. Without it a missing
   * place is an error: a typing error must never become an empty archive.
   */
  readonly create: boolean;
  /**
   * The operator's options, checked against the plugin's `options`: no unknown
   * name, no wrong type, none missing that is required. Without any: absent or
   * empty.
   */
  readonly settings?: PluginSettings;
}

/** What the server lends a plugin. */
export interface PluginContext {
  /** Gives up opening; reject with code `Cancelled`. */
  readonly signal?: AbortSignal;
  /**
   * Opens another store by its URL, with all plugins that the operator allows:
   * for stores that are made of stores. Present for those that come with the
   * server.
   */
  readonly openStore?: (
    url: string,
    options: Pick<OpenOptions, "create">,
  ) => Promise<BlobStore>;
  /** Takes what an operator should know and nothing fails for; present as above. */
  readonly report?: (message: string) => void;
}

/** A module that opens blob stores. */
export interface BlobStorePlugin {
  /** The contract that the plugin was written for: 1. */
  readonly apiVersion: 1;
  /** URL schemes it serves: lower case, without ":". */
  readonly schemes: readonly string[];
  /** The options it takes; none when absent. */
  readonly options?: readonly PluginOption[];
  /**
   * Opens the store at `url`, which has one of the schemes and is passed on as
   * the user typed it. Resolves when the store is known to be there.
   */
  open(
    url: string,
    options: OpenOptions,
    context: PluginContext,
  ): Promise<BlobStore>;
}
