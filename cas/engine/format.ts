/**
 * The `format` blob: what makes a blob store an archive (docs/format.md,
 * "Format blob").
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import { BLOCK_SIZE } from "../block_pool.ts";
import { ArchiveError } from "../errors.ts";
import type { Hasher } from "../score.ts";
import { createBlob, readBlob } from "./blobs.ts";
import type { EngineContext } from "./context.ts";
import { FORMAT_KEY, parseRootKey, ROOTS_PREFIX } from "./names.ts";
import { listVolumeIds } from "./root_store.ts";
import {
  countField,
  decodeSealedText,
  encodeSealedText,
  ID_PATTERN,
  textField,
} from "./sealed_text.ts";

/** Version of the archive's format as a whole. */
const FORMAT_VERSION = 1;

const FORMAT_TYPE = "deepshelf archive";
const ID_LENGTH = 16;

/** The archive's id, or undefined when the store holds no archive. Rejects with `Damaged` or `Unsupported`. */
export async function readFormat(
  context: EngineContext,
): Promise<string | undefined> {
  const bytes = await readBlob(context, FORMAT_KEY);
  return bytes === undefined ? undefined : decodeFormat(bytes, context);
}

/**
 * Makes the archive, unless it was made meanwhile; its id. Rejects with
 * `Damaged` where an archive lost its `format` blob: a new one beside old roots
 * would hide the loss.
 */
export async function createFormat(context: EngineContext): Promise<string> {
  if ((await listVolumeIds(context)).length > 0) {
    throw lostFormat(context.store.display);
  }
  const archiveId = context.random(ID_LENGTH).toHex();
  const timeMs = context.clock.nowMs();
  const body = encodeFormat({ archiveId, timeMs }, context.hasher);
  const existing = await createBlob(context, FORMAT_KEY, body);
  return existing === undefined ? archiveId : decodeFormat(existing, context);
}

/** The blob of the archive with this id, made at this time. */
export function encodeFormat(
  { archiveId, timeMs }: {
    readonly archiveId: string;
    readonly timeMs: number;
  },
  hasher: Hasher,
): Uint8Array<ArrayBuffer> {
  return encodeSealedText({
    type: FORMAT_TYPE,
    version: FORMAT_VERSION,
    archiveId,
    blockSize: BLOCK_SIZE,
    hash: "blake3",
    timeMs,
  }, hasher);
}

/**
 * The error for a store without an archive, or with one that lost its `format`
 * blob; it names the fix. Rejects as the store does.
 */
export async function noArchiveError(
  store: Pick<BlobStore, "display" | "list">,
): Promise<ArchiveError> {
  for await (const { key } of store.list(ROOTS_PREFIX)) {
    if (parseRootKey(key) !== undefined) return lostFormat(store.display);
  }
  return new ArchiveError(
    "NoArchive",
    `There is no archive in ${store.display}: check the store's URL, or add --create to make a new archive there`,
  );
}

function lostFormat(display: string): ArchiveError {
  return new ArchiveError(
    "Damaged",
    `The archive in ${display} has volumes, but its blob "${FORMAT_KEY}" is missing; make it again with "repair --from URL", URL being a copy of the store`,
  );
}

function decodeFormat(bytes: Uint8Array, context: EngineContext): string {
  const where = `blob "${FORMAT_KEY}" in ${context.store.display}`;
  const fields = decodeSealedText(bytes, context.hasher);
  const archiveId = fields && textField(fields, "archiveId", ID_PATTERN);
  if (
    fields === undefined || archiveId === undefined ||
    fields.type !== FORMAT_TYPE
  ) {
    throw new ArchiveError(
      "Damaged",
      `Cannot open the archive: ${where} is damaged; make it again with "repair --from URL", URL being a copy of the store`,
    );
  }
  const version = countField(fields, "version");
  if (version !== FORMAT_VERSION || fields.blockSize !== BLOCK_SIZE) {
    throw new ArchiveError(
      "Unsupported",
      `Cannot open the archive: ${where} has version ${version} and block size ${fields.blockSize}, and this program reads version ${FORMAT_VERSION} and block size ${BLOCK_SIZE}; use a newer program`,
    );
  }
  return archiveId;
}
