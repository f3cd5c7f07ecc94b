/**
 * Opens a store of a plugin that did not come with the server.
 *
 * @module
 */

import type { BlobStore } from "../blobstores/blob_store.ts";
import type { BlobStorePlugin, PluginSettings } from "../blobstores/plugin.ts";
import { checkStore, type PluginOrigin } from "./contract.ts";
import { GuardedStore } from "./guard.ts";
import { GuardedErrors } from "./guarded_errors.ts";
import { secretsOf } from "./settings.ts";
import { within } from "./within.ts";

/** How long a plugin may take to open a store. */
const OPEN_TIMEOUT_MS = 60_000;

/** What to open. */
export interface GuardedOpening {
  /** The store's URL. */
  readonly url: string;
  /** Make the place if it is missing. */
  readonly create: boolean;
  /** Checked options. */
  readonly settings: PluginSettings;
  /** Gives up opening. */
  readonly signal?: AbortSignal;
  /** How long opening may take; 60 seconds when absent. */
  readonly timeoutMs?: number;
}

/**
 * Opens a store and guards it. Rejects with errors that name the plugin and
 * show no secret: `Timeout` when it does not answer, `InvalidConfig` when what
 * it opens is no store.
 */
export async function openGuarded(
  plugin: BlobStorePlugin,
  origin: PluginOrigin,
  opening: GuardedOpening,
): Promise<BlobStore> {
  const { url, create, settings, timeoutMs = OPEN_TIMEOUT_MS } = opening;
  const errors = new GuardedErrors(origin.name, [
    ...secretsOf(settings, plugin.options ?? []),
    ...passwordsOf(url),
  ]);
  const action = `open a ${origin.scheme}: store`;
  const late = new AbortController();
  const signals = [late.signal, ...opening.signal ? [opening.signal] : []];
  const signal = AbortSignal.any(signals);
  const opened = callOpen(() =>
    plugin.open(url, { create, settings }, { signal })
  );
  let store: unknown;
  try {
    store = await within(timeoutMs, opened, () => {
      late.abort();
      opened.then((store) => (store as Partial<BlobStore>)?.close?.())
        .catch(() => undefined);
      return Object.assign(
        new Error(`Cannot ${action}: no answer after ${timeoutMs / 1000} s`),
        { code: "Timeout", retryable: true },
      );
    });
  } catch (error) {
    throw errors.thrown(action, error, opening.signal);
  }
  return new GuardedStore(checkStore(store, origin), { errors });
}

// deno-lint-ignore require-await -- a plugin may throw at once, or return no promise
async function callOpen(open: () => Promise<unknown>): Promise<unknown> {
  return open();
}

/** The password in a URL: as written, and as meant. */
function passwordsOf(url: string): string[] {
  const written = /^[^:]+:\/\/[^/?#@]*?:([^/?#]*)@/.exec(url)?.[1];
  if (written === undefined || written === "") return [];
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    return [written];
  }
}
