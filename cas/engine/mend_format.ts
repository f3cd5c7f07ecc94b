/**
 * The `format` blob, made again. Each claim of a writer says which archive it
 * claimed, so no copy is needed, and a copy's own `format` may be of another id.
 *
 * @module
 */

import { ArchiveError } from "../errors.ts";
import { readBlob } from "./blobs.ts";
import type { EngineContext } from "./context.ts";
import { encodeFormat } from "./format.ts";
import { EPOCH_PREFIX, FORMAT_KEY } from "./names.ts";
import type { MendedBlob } from "./repair_result.ts";
import { faultOfBlob } from "./blob_verdict.ts";
import {
  countField,
  decodeSealedText,
  ID_PATTERN,
  textField,
} from "./sealed_text.ts";

interface ArchiveIdentity {
  readonly archiveId: string;
  readonly timeMs: number;
}

/** Mends it; undefined when it is sound. Rejects with `Damaged` where no claim tells the archive's id. */
export async function mendFormat(
  here: EngineContext,
  copies: readonly EngineContext[],
): Promise<MendedBlob | undefined> {
  const { store, retry, hasher } = here;
  const bytes = await readBlob(here, FORMAT_KEY);
  const reason = bytes === undefined
    ? "it is missing"
    : faultOfBlob(FORMAT_KEY, bytes, hasher);
  if (reason === undefined) return undefined;
  const identity = await claimed(here) ?? await copied(copies);
  if (identity === undefined) {
    throw new ArchiveError(
      "Damaged",
      `Cannot repair ${store.display}: blob "${FORMAT_KEY}" is damaged, and no claim there and no copy tells the archive's id`,
    );
  }
  const body = encodeFormat(identity, hasher);
  await retry.run(
    `put "${FORMAT_KEY}" into ${store.display}`,
    () => store.put(FORMAT_KEY, body),
  );
  return { key: FORMAT_KEY, reason, byteCount: body.length };
}

/** What the oldest sound claim says. */
async function claimed(
  context: EngineContext,
): Promise<ArchiveIdentity | undefined> {
  for await (const { key } of context.store.list(EPOCH_PREFIX)) {
    const identity = identityIn(await readBlob(context, key), context);
    if (identity !== undefined) return identity;
  }
  return undefined;
}

async function copied(
  copies: readonly EngineContext[],
): Promise<ArchiveIdentity | undefined> {
  for (const copy of copies) {
    const identity = identityIn(await readBlob(copy, FORMAT_KEY), copy);
    if (identity !== undefined) return identity;
  }
  return undefined;
}

function identityIn(
  bytes: Uint8Array | undefined,
  { hasher }: EngineContext,
): ArchiveIdentity | undefined {
  const fields = bytes && decodeSealedText(bytes, hasher);
  const archiveId = fields && textField(fields, "archiveId", ID_PATTERN);
  const timeMs = fields && countField(fields, "timeMs");
  if (archiveId === undefined || timeMs === undefined) return undefined;
  return { archiveId, timeMs };
}
