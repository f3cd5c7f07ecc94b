/**
 * Any file of an archive in words: told by how it begins or ends, never by its
 * name. Nothing here writes.
 *
 * @module
 */

import { decodeSealedText, type SealedFields } from "../engine/sealed_text.ts";
import { COPY_MAGIC } from "../packs/index_copy_format.ts";
import { layoutByHead } from "../packs/pack_format.ts";
import type { Hasher } from "../score.ts";
import { inspectIndexCopy } from "./index_copy.ts";
import { inspectIndexRun, isIndexRun } from "./index_run.ts";
import {
  type InspectedValue,
  type Inspection,
  type InspectOptions,
  unreadable,
} from "./inspection.ts";
import { inspectJournal } from "./journal.ts";
import { endsAsPack, inspectPack } from "./pack.ts";
import { inspectRootBlob } from "./root.ts";

const COPY_START: string = COPY_MAGIC;
const START_LENGTH = 8;
const ROOT_START = "DSHFROOT";
const JOURNAL_START = "SHLFJRNL";
const TEXT_START = "{";

/** Describes a file; one that is none of the archive's has that as its fault. */
export async function inspectFile(
  bytes: Uint8Array,
  options: InspectOptions,
): Promise<Inspection> {
  const { hasher } = options;
  const start = String.fromCharCode(...bytes.subarray(0, START_LENGTH));
  if (layoutByHead(bytes) !== undefined) return inspectPack(bytes, options);
  if (start === COPY_START) return inspectIndexCopy(bytes, hasher);
  if (start === ROOT_START) return inspectRootBlob(bytes, hasher);
  if (start === JOURNAL_START) return await inspectJournal(bytes);
  if (start.startsWith(TEXT_START)) return inspectText(bytes, options);
  if (endsAsPack(bytes)) return inspectPack(bytes, options);
  if (isIndexRun(bytes, hasher)) return inspectIndexRun(bytes, hasher);
  return unreadable(
    "unknown",
    "it neither begins nor ends as a file of an archive does",
  );
}

function inspectText(
  bytes: Uint8Array,
  { hasher }: InspectOptions,
): Inspection {
  const sealed = decodeSealedText(bytes, hasher);
  if (sealed !== undefined) {
    const { type, ...rest } = sealed;
    return textOf(String(type), rest);
  }
  const local = decodeLocalText(bytes, hasher);
  return local === undefined
    ? unreadable("sealed text", "its seal does not fit it")
    : textOf("text of a state folder", local);
}

/**
 * JSON of the state folder: alone, or with the hash of its line and line feed.
 * What has a type was sealed once.
 */
function decodeLocalText(
  bytes: Uint8Array,
  hasher: Hasher,
): SealedFields | undefined {
  const text = new TextDecoder().decode(bytes);
  const [, line, seal] = /^([^\n]*\n)([0-9a-f]{64})\n$/.exec(text) ?? [];
  const hash = line && hasher.hash(new TextEncoder().encode(line)).toHex();
  if (hash !== seal) return undefined;
  try {
    const fields: SealedFields = JSON.parse(line ?? text);
    return "type" in fields ? undefined : fields;
  } catch {
    return undefined;
  }
}

function textOf(kind: string, values: SealedFields): Inspection {
  const fields: Record<string, InspectedValue> = {};
  for (const [name, value] of Object.entries(values)) {
    fields[name] = typeof value === "string" || typeof value === "number" ||
        typeof value === "boolean"
      ? value
      : JSON.stringify(value);
  }
  return { kind, faults: [], fields, entries: [] };
}
