/**
 * Small records for people and programs: one line of JSON, and below it the
 * BLAKE3 of that line (docs/format.md, "Sealed text"). `format`, the claims and
 * the snapshots are kept so: readable with `cat`, checkable with `b3sum`.
 *
 * @module
 */

import type { Hasher } from "../score.ts";
import { fromHex } from "../bytes.ts";

/** The longest sealed text that is read, in bytes. */
const LENGTH_MAX = 65_536;

/** A flat JSON object. */
export type SealedFields = Readonly<Record<string, unknown>>;

/** Encodes an object as sealed text. */
export function encodeSealedText(
  fields: SealedFields,
  hasher: Hasher,
): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const line = JSON.stringify(fields);
  const seal = hasher.hash(encoder.encode(line)).toHex();
  return encoder.encode(`${line}\n${seal}\n`);
}

/** Decodes sealed text; undefined when it is not whole and unchanged. */
export function decodeSealedText(
  bytes: Uint8Array,
  hasher: Hasher,
): SealedFields | undefined {
  if (bytes.length > LENGTH_MAX) return undefined;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
  } catch {
    return undefined;
  }
  const match = /^([^\n]*)\n([0-9a-f]{64})\n$/.exec(text);
  if (match === null) return undefined;
  const line = match[1]!;
  const seal = hasher.hash(new TextEncoder().encode(line)).toHex();
  if (seal !== match[2]) return undefined;
  try {
    const fields: unknown = JSON.parse(line);
    const flat = typeof fields === "object" && fields !== null &&
      !Array.isArray(fields);
    return flat ? fields as SealedFields : undefined;
  } catch {
    return undefined;
  }
}

/** A string field that matches; undefined otherwise. */
export function textField(
  fields: SealedFields,
  name: string,
  pattern: RegExp,
): string | undefined {
  const value = fields[name];
  return typeof value === "string" && pattern.test(value) ? value : undefined;
}

/** A field that is an integer of at least 0; undefined otherwise. */
export function countField(
  fields: SealedFields,
  name: string,
): number | undefined {
  const value = fields[name];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
    ? value
    : undefined;
}

/** 16 bytes as 32 hexadecimal digits. */
export const ID_PATTERN: RegExp = /^[0-9a-f]{32}$/;

/** 32 bytes as 64 hexadecimal digits. */
export const HASH_PATTERN: RegExp = /^[0-9a-f]{64}$/;

/** Throws a RangeError unless `id` is 32 hexadecimal digits. */
export function checkId(what: string, id: string): void {
  if (!ID_PATTERN.test(id)) {
    throw new RangeError(`${what} must be 32 hexadecimal digits, not "${id}"`);
  }
}

/** The 16 bytes of an id. */
export function idBytes(id: string): Uint8Array<ArrayBuffer> {
  checkId("An id", id);
  return fromHex(id);
}
