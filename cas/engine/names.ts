/**
 * Names and keys of what the engine keeps in the blob store (docs/format.md,
 * "Blobs").
 *
 * @module
 */

import { ArchiveError } from "../errors.ts";

/** Key of the blob that makes a store an archive. */
export const FORMAT_KEY = "format";
/** Prefix of the writers' claims. */
export const EPOCH_PREFIX = "epoch/";
/** Prefix of the root blobs. */
export const ROOTS_PREFIX = "roots/";
/** Prefix of the notes of writers that have closed the archive. */
export const LEFT_PREFIX = "left/";
/** Prefix of the snapshots. */
export const NAMES_PREFIX = "names/";

/** Longest name of a volume or snapshot, in characters. */
export const NAME_LENGTH_MAX = 63;

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const VOLUME_ID = /^[0-9a-f]{32}$/;
const SEQUENCE_DIGITS = 16;
const SEQUENCE = /^[0-9]{16}$/;

/** True for the names that volumes and snapshots may have. */
export function isName(name: string): boolean {
  return NAME.test(name);
}

/** Throws `BadName` unless the name is allowed; `what` is "volume" or "snapshot". */
export function checkName(what: string, name: string): void {
  if (typeof name === "string" && isName(name)) return;
  throw new ArchiveError(
    "BadName",
    `Cannot use "${name}" as the name of a ${what}: a name has 1 to ${NAME_LENGTH_MAX} of a-z, 0-9, ".", "_", "-" and begins with a letter or digit`,
  );
}

/** Key of a root blob. */
export function rootKey(volumeId: string, sequence: number): string {
  return rootsPrefix(volumeId) + digits(sequence);
}

/** Prefix of the root blobs of one volume. */
export function rootsPrefix(volumeId: string): string {
  return `${ROOTS_PREFIX}${volumeId}/`;
}

/** A key behind the last root of this volume and before the next volume's first. */
export function behindRootsOf(volumeId: string): string {
  return `${rootsPrefix(volumeId)}z`;
}

/** Volume id and sequence of a root's key; undefined for a key that is none. */
export function parseRootKey(
  key: string,
): { volumeId: string; sequence: number } | undefined {
  if (!key.startsWith(ROOTS_PREFIX)) return undefined;
  const [volumeId, sequence, rest] = key.slice(ROOTS_PREFIX.length).split("/");
  if (volumeId === undefined || !VOLUME_ID.test(volumeId)) return undefined;
  if (sequence === undefined || !SEQUENCE.test(sequence)) return undefined;
  if (rest !== undefined || !Number.isSafeInteger(Number(sequence))) {
    return undefined;
  }
  return { volumeId, sequence: Number(sequence) };
}

/** Key of a claim. */
export function epochKey(epoch: number): string {
  return EPOCH_PREFIX + digits(epoch);
}

/** The number of a claim's key; undefined for a key that is none. */
export function parseEpochKey(key: string): number | undefined {
  const number = key.slice(EPOCH_PREFIX.length);
  if (!key.startsWith(EPOCH_PREFIX) || !SEQUENCE.test(number)) return undefined;
  return Number(number);
}

/** Prefix of the calls to the holder of an epoch. */
export function callsPrefix(epoch: number): string {
  return `calls/${digits(epoch)}/`;
}

/** Key of a call to the holder of an epoch. */
export function callKey(epoch: number, number: number): string {
  return callsPrefix(epoch) + digits(number);
}

/** The number of a call's key; undefined for a key that is none. */
export function parseCallKey(key: string): number | undefined {
  const number = key.split("/")[2] ?? "";
  return SEQUENCE.test(number) ? Number(number) : undefined;
}

/** Key of the holder's answer to a call. */
export function answerKey(epoch: number, number: number): string {
  return `answers/${digits(epoch)}/${digits(number)}`;
}

/** Key of the note that the holder of an epoch has closed the archive. */
export function leftKey(epoch: number): string {
  return `${LEFT_PREFIX}${digits(epoch)}`;
}

/** Prefix of the snapshots of one volume. */
export function namesPrefix(volumeId: string): string {
  return `${NAMES_PREFIX}${volumeId}/`;
}

/** Key of a snapshot. */
export function nameKey(volumeId: string, name: string): string {
  return namesPrefix(volumeId) + name;
}

/** Prefix of the notes that take snapshots off the list. */
export const RETIRED_PREFIX = "retired/";

/** Key of the note that a snapshot is retired. */
export function retiredKey(volumeId: string, name: string): string {
  return `${RETIRED_PREFIX}${volumeId}/${name}`;
}

function digits(value: number): string {
  return value.toString().padStart(SEQUENCE_DIGITS, "0");
}
