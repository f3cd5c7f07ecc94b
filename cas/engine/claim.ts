/**
 * The writer's claim: at most one server writes an archive (docs/format.md,
 * "Epochs").
 *
 * Two fences. The store's hold, where it has one, tells a living server from a
 * dead one; where it has none, the server is asked (claim_calls.ts). The epoch, a number that only grows, made by create-if-absent,
 * fences a server that was cut off and comes back: it looks for a newer epoch
 * before and after it publishes roots, and a newer writer recognises and steps
 * over what it published in between.
 *
 * @module
 */

import {
  BlobError,
  type BlobStore,
  type StoreHold,
} from "../../blobstores/blob_store.ts";
import { ArchiveError, archiveErrorCode } from "../errors.ts";
import { createBlob, readBlob } from "./blobs.ts";
import {
  CallAnswerer,
  hasLeft,
  haveLeft,
  holderAnswers,
  leave,
} from "./claim_calls.ts";
import { tryCreateAgain } from "./claim_trial.ts";
import type { EngineContext } from "./context.ts";
import { EPOCH_PREFIX, epochKey, parseEpochKey } from "./names.ts";
import {
  countField,
  decodeSealedText,
  encodeSealedText,
  type SealedFields,
} from "./sealed_text.ts";

const EPOCH_TYPE = "deepshelf epoch";
const NONCE_LENGTH = 16;
const LEAVE_WAIT_MS = 5000;

/** Who claims: any JSON fields that help a person or program to find the server. */
export type ClaimHolder = Readonly<Record<string, string | number>>;

/** What to claim. */
export interface ClaimRequest {
  /** Whose archive. */
  readonly archiveId: string;
  /** The claimer's state directory, 32 hexadecimal digits. */
  readonly stateId: string;
  /** The claimer, for whoever is refused. */
  readonly holder: ClaimHolder;
  /** The newest epoch known, from local state; a wrong one does no harm. */
  readonly epochHint?: number;
}

/** A claim that was made, as found in the store. */
export interface ClaimDescription {
  /** Its number. */
  readonly epoch: number;
  /** When, milliseconds since 1970; absent when its blob is damaged. */
  readonly timeMs?: number;
  /** Who; absent when its blob is damaged. */
  readonly holder?: ClaimHolder;
  /** Its state folder's id; absent when its blob is damaged. */
  readonly stateId?: string;
}

/** The claim of this server. */
export class Claim {
  /** Its number. */
  readonly epoch: number;
  /** Resolves with the reason when the claim is known to be lost. */
  readonly lost: Promise<Error>;
  readonly #context: EngineContext;
  readonly #hold: StoreHold | undefined;
  readonly #resolveLost: (reason: Error) => void;
  #isLost = false;
  #rootOnItsWay = false;
  #watching: Promise<void> | undefined;

  /** Made by `takeClaim`. */
  constructor(context: EngineContext, epoch: number, hold?: StoreHold) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.epoch = epoch;
    this.lost = promise;
    this.#context = context;
    this.#hold = hold;
    this.#resolveLost = resolve;
  }

  /** Rejects with `LostClaim` when another server has claimed the archive. */
  async check(): Promise<void> {
    const { store, retry } = this.#context;
    const key = epochKey(this.epoch + 1);
    const newer = await retry.run(
      `look for "${key}" in ${store.display}`,
      () => store.head(key),
    );
    if (newer !== null) throw await this.lose(this.epoch + 1);
  }

  /**
   * Looks for a newer claim, and answers calls, every so often until the signal
   * aborts. Where the store has no hold, a server that was superseded while it
   * stood still learns of it here, not only when it next publishes a root.
   */
  watch(intervalMs: number, signal: AbortSignal): void {
    if (this.#hold !== undefined) return;
    this.#watching = this.#watch(intervalMs, signal);
  }

  async #watch(intervalMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const calls = new CallAnswerer(this.#context, this.epoch);
    for (;;) {
      await clock.sleep(intervalMs, signal);
      if (signal.aborted) return;
      try {
        await this.check();
        await calls.answer();
      } catch (error) {
        // `lost` has told it, or the archive was closed; else the next look does.
        if (archiveErrorCode(error) !== undefined) return;
      }
    }
  }

  /**
   * True if a root of a writer before, that was on its way when that one was
   * cut off, may still appear behind a root of `epoch` that is not our own. Not
   * where there is a hold, which ends with the writer, nor where all since have
   * left.
   */
  async mayBeFollowed(epoch: number): Promise<boolean> {
    if (this.#hold !== undefined) return false;
    // Of a root that was copied from another archive the epoch tells nothing.
    const first = Math.max(1, Math.min(epoch, this.epoch - 1));
    return !await haveLeft(this.#context, first, this.epoch);
  }

  /**
   * Of a root of `epoch` that stands where we would have put one: rejects with
   * `LostClaim` if it is of a newer writer of this archive. It may as well have
   * been copied from another archive, whose epochs have nothing to do with ours.
   */
  async checkAgainst(epoch: number | undefined): Promise<void> {
    await this.check();
    if (epoch === undefined || epoch <= this.epoch) return;
    const { store, retry } = this.#context;
    const key = epochKey(epoch);
    const newer = await retry.run(
      `look for "${key}" in ${store.display}`,
      () => store.head(key),
    );
    if (newer !== null) throw await this.lose(epoch);
  }

  /** Notes that a root may still appear though its put has failed. */
  noteRootOnItsWay(): void {
    this.#rootOnItsWay = true;
  }

  /** Notes that the claim is lost to a newer epoch; the error to throw. */
  async lose(newerEpoch: number): Promise<ArchiveError> {
    this.#isLost = true;
    const by = await describeClaim(this.#context, newerEpoch);
    const error = new ArchiveError(
      "LostClaim",
      `This server no longer writes the archive in ${this.#context.store.display}: it was taken over by ${by}`,
    );
    this.#resolveLost(error);
    return error;
  }

  /**
   * Lets go of the archive: of the store's hold, or by a note. Called when the
   * signal of `watch` was aborted. A note that cannot be put costs the next
   * server some seconds, so it is waited for no longer than that.
   */
  async release(): Promise<void> {
    if (this.#hold !== undefined) return await this.#hold.release();
    const { clock } = this.#context;
    const giveUp = new AbortController();
    const wait = clock.sleep(LEAVE_WAIT_MS, giveUp.signal);
    await Promise.race([this.#leave(), wait]);
    giveUp.abort();
    await wait;
  }

  async #leave(): Promise<void> {
    await this.#watching;
    // Whoever left publishes nothing more, not even late.
    if (this.#isLost || this.#rootOnItsWay) return;
    try {
      await leave(this.#context, this.epoch);
    } catch {
      // The next server asks, and nobody answers.
    }
  }
}

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

/** A claim of ours; no two are the same. */
function encodeClaim(
  { clock, random, hasher }: EngineContext,
  { archiveId, stateId, holder }: ClaimRequest,
  epoch: number,
): Uint8Array {
  return encodeSealedText({
    type: EPOCH_TYPE,
    epoch,
    archiveId,
    stateId,
    timeMs: clock.nowMs(),
    nonce: random(NONCE_LENGTH).toHex(),
    holder,
  }, hasher);
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

/** The newest claim in the store; undefined when there never was one. */
export async function readNewestClaim(
  context: EngineContext,
  epochHint?: number,
): Promise<ClaimDescription | undefined> {
  const epoch = await newestEpoch(context, epochHint);
  return epoch === 0 ? undefined : await readClaim(context, epoch);
}

async function readClaim(
  context: EngineContext,
  epoch: number,
): Promise<ClaimDescription> {
  const bytes = await readBlob(
    context,
    epochKey(epoch),
    (copy) => decodeSealedText(copy, context.hasher) !== undefined,
  );
  const fields = bytes && decodeSealedText(bytes, context.hasher);
  if (fields === undefined || fields.type !== EPOCH_TYPE) return { epoch };
  const timeMs = countField(fields, "timeMs");
  const { stateId } = fields;
  return {
    epoch,
    ...(typeof stateId === "string" ? { stateId } : {}),
    ...(timeMs === undefined ? {} : { timeMs }),
    holder: holderField(fields),
  };
}

function holderField(fields: SealedFields): ClaimHolder {
  const { holder } = fields;
  if (typeof holder !== "object" || holder === null) return {};
  return Object.fromEntries(
    Object.entries(holder).filter(([, value]) =>
      typeof value === "string" || typeof value === "number"
    ),
  );
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

/** "the server with host …, pid …, since …", as far as it can be told. */
async function describeClaim(
  context: EngineContext,
  epoch: number,
): Promise<string> {
  const claim = epoch === 0 ? undefined : await readClaim(context, epoch);
  const parts = Object.entries(claim?.holder ?? {}).map(([name, value]) =>
    `${name} ${value}`
  );
  if (claim?.timeMs !== undefined) {
    parts.push(`since ${new Date(claim.timeMs).toISOString()}`);
  }
  const who = parts.length === 0 ? "" : ` (${parts.join(", ")})`;
  return `another server${who}, epoch ${epoch}`;
}

/** The number of the newest claim; 0 when there is none. */
async function newestEpoch(
  context: EngineContext,
  hint: number | undefined,
): Promise<number> {
  if (hint !== undefined && hint > 0) {
    const listed = await listEpochs(context, epochKey(hint - 1));
    if (listed[0] === hint) return listed.at(-1)!;
  }
  return (await listEpochs(context)).at(-1) ?? 0;
}

function listEpochs(
  context: EngineContext,
  startAfter?: string,
): Promise<number[]> {
  const { store, retry } = context;
  return retry.run(`list "${EPOCH_PREFIX}" in ${store.display}`, async () => {
    const epochs: number[] = [];
    const options = startAfter === undefined ? {} : { startAfter };
    for await (const { key } of store.list(EPOCH_PREFIX, options)) {
      const epoch = parseEpochKey(key);
      if (epoch !== undefined) epochs.push(epoch);
    }
    return epochs;
  });
}
