/**
 * Opens the store that an operator chose, with the layers that every store gets.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import {
  backoffMs,
  isAnswer,
  isTemporary,
} from "../../blobstores/layers/backoff.ts";
import { layered, type LayeredStore } from "../../blobstores/layers/layered.ts";
import type { LayerClock } from "../../blobstores/layers/layer.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import type { EventSink } from "../../cas/events.ts";
import type { PluginEntry } from "../../plugins/configured.ts";
import { openStore } from "../../plugins/registry.ts";
import { pluginRegistry } from "../plugins/plugin_registry.ts";
import type { StoreSettings } from "../options/store_settings.ts";

/** Which store. Can be structured-cloned. */
export interface StoreChoice {
  /** Its URL. */
  readonly store: string;
  /** Plugins that the operator allows, where any. */
  readonly plugins?: readonly PluginEntry[];
  /** What the layers around it do, where not the default. */
  readonly storeSettings?: StoreSettings;
}

/** How to open it. */
export interface StoreOpening {
  /** Make the place if it is missing. */
  readonly create?: boolean;
  /** Refuse to write. */
  readonly readOnly?: boolean;
  /**
   * An archive is opened over it, which repeats what fails for ever; otherwise
   * the store does, some times.
   */
  readonly forArchive?: boolean;
  /** Takes what an operator should know and nothing fails for. */
  readonly onEvent?: EventSink;
}

/** So often a store that is away for a moment is tried, within some seconds. */
const OPEN_ATTEMPTS_MAX = 7;

/** Times of the layers: those of the system, but never backwards. */
const LAYER_CLOCK: LayerClock = {
  nowMs: () => performance.now(),
  sleep: systemClock.sleep,
};

/** Opens a store in its layers; rejects as `openStore` does. */
export async function openLayeredStore(
  choice: StoreChoice,
  opening: StoreOpening = {},
): Promise<LayeredStore> {
  const { store: url, storeSettings: settings = {} } = choice;
  const { readOnly = false, forArchive = false } = opening;
  const store = await openBareStore(choice, opening);
  const { timeoutMs, cacheBytesMax: _size, cachePath: _path, ...limits } =
    settings;
  // A disk of this machine has its own end of patience.
  const isLocal = /^(file|memory):/i.test(url) && timeoutMs === undefined;
  const endsWhenAborted = /^(file|memory|s3|azure|https?):/i.test(url);
  return layered(store, {
    ...(isLocal ? {} : {
      watchdog: {
        endsWhenAborted,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
    }),
    limits,
    ...(forArchive ? {} : { retry: {} }),
    readOnly,
    clock: LAYER_CLOCK,
    random: Math.random,
  });
}

/** Opens a store as its plugin gives it, without any layer; rejects as `openStore` does. */
export async function openBareStore(
  { store, plugins }: StoreChoice,
  { create = false, onEvent }: Pick<StoreOpening, "create" | "onEvent"> = {},
): Promise<BlobStore> {
  return await openPatiently(store, {
    create,
    registry: pluginRegistry(plugins, onEvent),
    report: (message) =>
      onEvent?.({ event: "store-note", severity: "strange", message }),
  }, onEvent);
}

/**
 * Opens a store, again where that fails for a reason that may pass: a server
 * that starts beside its store, or during a hiccup of it. It gives up before
 * whoever has mistyped an address wonders.
 */
async function openPatiently(
  url: string,
  options: Parameters<typeof openStore>[1],
  onEvent: EventSink = (): void => {},
): Promise<BlobStore> {
  const never = new AbortController().signal;
  for (let attempts = 1;; attempts++) {
    try {
      return await openStore(url, options);
    } catch (error) {
      const isLast = attempts === OPEN_ATTEMPTS_MAX || isAnswer(error) ||
        !isTemporary(error);
      if (isLast) throw error;
      const delayMs = backoffMs(attempts - 1, error);
      onEvent({
        event: "store-failed",
        severity: "expected",
        message: `${(error as Error).message}; trying again in ${
          delayMs / 1000
        } s`,
        delayMs,
      });
      await LAYER_CLOCK.sleep(delayMs, never);
    }
  }
}
