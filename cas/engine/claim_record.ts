/**
 * Claims as they lie in the store: `epoch/<number>` (docs/format.md, "Epochs").
 *
 * @module
 */

import { readBlob } from "./blobs.ts";
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

/** The bytes of a claim; no two are the same. */
export function encodeClaim(
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

/** The newest claim in the store; undefined when there never was one. */
export async function readNewestClaim(
  context: EngineContext,
  epochHint?: number,
): Promise<ClaimDescription | undefined> {
  const epoch = await newestEpoch(context, epochHint);
  return epoch === 0 ? undefined : await readClaim(context, epoch);
}

/** The claim of this number, as far as its blob can be read. */
export async function readClaim(
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

/** "the server with host …, pid …, since …", as far as it can be told. */
export async function describeClaim(
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
export async function newestEpoch(
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
