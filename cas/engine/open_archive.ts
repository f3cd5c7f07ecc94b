/**
 * Opening an archive: is there one, may we write it, what does it hold.
 *
 * @module
 */

import type { OpenedArchive } from "../archive_operations.ts";
import { Archive } from "./archive.ts";
import type { ArchiveOptions } from "./archive_options.ts";
import { createFormat, noArchiveError, readFormat } from "./format.ts";
import { usableHints } from "./hints.ts";
import { Retry } from "./retry.ts";
import { checkId } from "./sealed_text.ts";
import { takeClaim } from "./take_claim.ts";
import { Volumes } from "./volumes.ts";

const CLAIM_CHECK_MS = 5000;

/**
 * Opens an archive. Rejects with an `ArchiveError`: `NoArchive` (and not to be
 * made), `Held` by another server, `Damaged` or `Unsupported`; or with the blob
 * store's error when it refuses. On rejection the claim is let go; the store is
 * left open.
 */
export async function openArchive(
  options: ArchiveOptions,
): Promise<OpenedArchive> {
  const { store, hasher, clock, random, onEvent, access } = options;
  checkId("The id of the state directory", options.stateId);
  const closing = new AbortController();
  const retry = new Retry({ clock, onEvent, signal: closing.signal });
  const context = { store, hasher, clock, random, onEvent, retry };
  const create = options.create === true && access !== "read";
  const existing = await readFormat(context);
  if (existing === undefined && !create) throw await noArchiveError(store);
  const archiveId = existing ?? await createFormat(context);
  const hints = usableHints(await loadHints(options), archiveId);
  const claim = access === "read" ? undefined : await takeClaim(context, {
    archiveId,
    stateId: options.stateId,
    holder: options.holder,
    ...(hints.epoch === undefined ? {} : { epochHint: hints.epoch }),
  });
  let archive: Archive | undefined;
  try {
    const volumes = await Volumes.load(context, hints.heads);
    archive = new Archive({
      archiveId,
      context,
      volumes,
      closing,
      options,
      indexMayBeAhead: claim !== undefined && options.hints !== undefined &&
        hints.epoch === undefined,
      ...(claim === undefined ? {} : { claim }),
    });
    // From now on it answers calls, however long it takes to get ready.
    claim?.watch(options.claimCheckMs ?? CLAIM_CHECK_MS, closing.signal);
    if (access === "serve") {
      await archive.ready();
      retry.persist();
    }
    await archive.saveHints();
    return archive;
  } catch (error) {
    closing.abort();
    await (archive === undefined ? claim?.release() : archive.letGo());
    throw error;
  }
}

async function loadHints(options: ArchiveOptions): Promise<unknown> {
  try {
    return await options.hints?.load();
  } catch (error) {
    options.onEvent({
      event: "hints-unreadable",
      severity: "strange",
      message: `Cannot load what local state remembers of the archive: ${
        String(error)
      }; listing the archive's roots instead`,
    });
    return undefined;
  }
}
