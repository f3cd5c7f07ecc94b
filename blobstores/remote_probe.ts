/**
 * Finds out whether a service decides create-if-absent itself. Some refuse the
 * request, and some take no notice of the condition and overwrite, which would
 * let two servers write one archive. So it is not believed but tried.
 *
 * @module
 */

import type { OperationOptions } from "./blob_store.ts";
import { RemoteFailure } from "./remote_failure.ts";
import type { RemoteService } from "./remote_store.ts";

/**
 * What is created to find out. No key has upper case, so no blob has this name
 * and no listing of blobs shows it.
 */
export const PROBE_NAME = "PROBE-create-if-absent";

const BODY: Uint8Array<ArrayBuffer> = new TextEncoder().encode(
  "Deepshelf creates this object again whenever it opens the store: the " +
    "service must refuse that. It may be deleted while no server runs.\n",
);

/** What came of it, as parts of `Capabilities`. */
export interface ProbeResult {
  /** The service decides it. */
  readonly createExclusive: boolean;
  /** Why not, and what to do. */
  readonly createExclusiveFault?: string;
}

/**
 * Creates an object twice: the second time must fail. Rejects with a
 * `RemoteFailure` where the service gives no answer to the question.
 */
export async function probeCreateIfAbsent(
  service: RemoteService,
  options: OperationOptions,
): Promise<ProbeResult> {
  // It mostly exists since the store was first opened; then once is enough.
  const first = await create(service, options);
  const second = first === "created" ? await create(service, options) : first;
  if (second === "exists") return { createExclusive: true };
  return {
    createExclusive: false,
    createExclusiveFault: second === "created" ? IGNORED : second.fault,
  };
}

const REMEDY = "Serve the archive from here with --read-only, and write it " +
  "to a store that has create-if-absent (docs/stores.md has a list)";

const IGNORED = "the service takes no notice of create-if-absent (If-None-" +
  "Match: *), so two servers could write one archive and neither would know. " +
  REMEDY;

async function create(
  service: RemoteService,
  options: OperationOptions,
): Promise<"created" | "exists" | { readonly fault: string }> {
  try {
    await service.put(PROBE_NAME, BODY, { ...options, ifAbsent: true });
    return "created";
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    if (error.code === "AlreadyExists") return "exists";
    if (error.retryable) throw error;
    if (error.code === "PermissionDenied") {
      return {
        fault: `these credentials may not write here (${error.message}). ` +
          `Allow them to, or serve snapshots with --read-only`,
      };
    }
    // Services without it answer 400 (an unknown header) or 501.
    const isAnswer = error.code === "Unsupported" || error.code === "Unknown";
    if (!isAnswer || error.status === undefined) throw error;
    return {
      fault: `the service refuses create-if-absent (If-None-Match: *): ` +
        `${error.message}. ${REMEDY}`,
    };
  }
}
