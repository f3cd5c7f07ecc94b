/**
 * Claiming an archive: by the store's hold where it has one, by asking the
 * server before where it has none, and in both cases by the next epoch.
 *
 * @module
 */

import {
  BlobError,
  type BlobStore,
  type StoreHold,
} from "../../blobstores/blob_store.ts";
import { ArchiveError } from "../errors.ts";
import { createBlob } from "./blobs.ts";
import { Claim } from "./claim.ts";
import { hasLeft, holderAnswers, leave } from "./claim_calls.ts";
import {
  type ClaimRequest,
  describeClaim,
  encodeClaim,
  newestEpoch,
  readClaim,
} from "./claim_record.ts";
import { tryCreateAgain } from "./claim_trial.ts";
import type { EngineContext } from "./context.ts";
import { epochKey } from "./names.ts";

/** Claims the archive. Rejects with `Held` when another server has it. */
export async function takeClaim(
  context: EngineContext,
  request: ClaimRequest,
): Promise<Claim> {
  const { store, retry } = context;
  if (!store.capabilities.createExclusive) throw unfencedError(store);
  let hold: StoreHold | undefined;
  if (store.capabilities.hold && store.hold !== undefined) {
    const taken = await retry.run(`hold ${store.display}`, () => store.hold!());
    if (taken === null) throw await heldError(context, request.epochHint);
    hold = taken;
  }
  try {
    const before = await newestEpoch(context, request.epochHint);
    if (hold === undefined && await isAlive(context, request, before)) {
      throw await heldError(context, before);
    }
    const epoch = before + 1;
    const key = epochKey(epoch);
    const body = encodeClaim(context, request, epoch);
    if (await createBlob(context, key, body) !== undefined) {
      throw await heldError(context, epoch);
    }
    try {
      const other = encodeClaim(context, request, epoch);
      await tryCreateAgain(context, { key, body, other });
    } catch (error) {
      await leave(context, epoch).catch(() => undefined);
      throw error;
    }
    return new Claim(context, epoch, hold);
  } catch (error) {
    await hold?.release();
    throw error;
  }
}

/**
 * Without a hold: is the holder of this epoch still there? Not if it left, nor
 * if it had our own state folder, which one process has at a time.
 */
async function isAlive(
  context: EngineContext,
  request: ClaimRequest,
  epoch: number,
): Promise<boolean> {
  if (epoch === 0) return false;
  const claim = await readClaim(context, epoch);
  if (claim.stateId === request.stateId) return false;
  if (await hasLeft(context, epoch)) return false;
  const by = await describeClaim(context, epoch);
  const archive = `the archive in ${context.store.display}`;
  context.onEvent({
    event: "claim-asked",
    severity: "info",
    message: `Asking ${by} whether it still writes ${archive}: 20 s at most`,
    epoch,
  });
  if (await holderAnswers(context, epoch)) return true;
  context.onEvent({
    event: "claim-unanswered",
    severity: "strange",
    message: `Taking over ${archive}: ${by} does not answer`,
    epoch,
  });
  return false;
}

/** Without create-if-absent nothing keeps two servers from writing. */
function unfencedError({ display, capabilities }: BlobStore): BlobError {
  const fault = capabilities.createExclusiveFault ??
    "it does not decide create-if-absent itself, so two servers could write " +
      "one archive. Open the archive for reading, or use another store";
  return new BlobError(`Cannot write the archive in ${display}: ${fault}`, {
    code: "Unsupported",
  });
}

async function heldError(
  context: EngineContext,
  epochHint: number | undefined,
): Promise<ArchiveError> {
  const epoch = await newestEpoch(context, epochHint);
  const by = await describeClaim(context, epoch);
  return new ArchiveError(
    "Held",
    `Cannot open the archive in ${context.store.display}: it is held by ${by}; stop that server first`,
  );
}
