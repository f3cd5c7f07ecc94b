/**
 * Puts of a mirror.
 *
 * @module
 */

import { blobErrorCode, type PutOptions } from "../blob_store.ts";
import type { MirrorMember } from "./mirror_member.ts";

/** How the members answered a put. */
export interface Asked {
  /** They stored it. */
  readonly stored: MirrorMember[];
  /** They had it already, with the same bytes. */
  readonly same: MirrorMember[];
  /** They have another blob of that key. */
  readonly others: MirrorMember[];
  /** Why the rest did not answer. */
  readonly failures: unknown[];
}

/** Puts to all members at once. */
export async function putEverywhere(
  members: readonly MirrorMember[],
  key: string,
  body: Uint8Array,
  options: PutOptions,
): Promise<Asked> {
  const asked: Asked = { stored: [], same: [], others: [], failures: [] };
  await Promise.all(
    members.map((member) => putTo(member, asked, { key, body, options })),
  );
  return asked;
}

/**
 * Creates a blob: at the first member that is there and filled, and only where that has no
 * other blob, at the rest. So contenders meet at one member, and those who lose
 * leave nothing elsewhere.
 *
 * A blob with the very same bytes is an attempt of before, whose answer was lost:
 * it counts, as long as something was still to be done.
 */
export async function putFirst(
  members: readonly MirrorMember[],
  key: string,
  body: Uint8Array,
  options: PutOptions,
): Promise<Asked> {
  const asked: Asked = { stored: [], same: [], others: [], failures: [] };
  const put = { key, body, options };
  // One that is being filled may lack what is taken.
  const left = members.toSorted((one, other) =>
    Number(one.isEmpty) - Number(other.isEmpty)
  );
  while (asked.stored.length + asked.same.length === 0) {
    const first = left.shift();
    if (first === undefined) return asked;
    await putTo(first, asked, put);
    if (asked.others.length === 0) continue;
    // Who came first at an earlier member that did not answer, the rest may know.
    if (asked.failures.length === 0) asked.others.push(...left);
    else await Promise.all(left.map((member) => compare(member, asked, put)));
    return asked;
  }
  await Promise.all(left.map((member) => putTo(member, asked, put)));
  return asked;
}

interface Put {
  readonly key: string;
  readonly body: Uint8Array;
  readonly options: PutOptions;
}

async function putTo(
  member: MirrorMember,
  asked: Asked,
  put: Put,
): Promise<void> {
  const { key, body, options } = put;
  try {
    await member.ask((store) => store.put(key, body, options));
    asked.stored.push(member);
  } catch (error) {
    if (blobErrorCode(error) !== "AlreadyExists") asked.failures.push(error);
    else await compare(member, asked, put);
  }
}

/** Whose blob a member has. */
async function compare(
  member: MirrorMember,
  asked: Asked,
  { key, body, options: { signal } }: Put,
): Promise<void> {
  const options = signal === undefined ? {} : { signal };
  try {
    const other = await member.ask((store) => store.get(key, options));
    (equalBytes(other, body) ? asked.same : asked.others).push(member);
  } catch (error) {
    if (blobErrorCode(error) !== "NotFound") asked.failures.push(error);
  }
}

/** True for the same bytes. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length &&
    left.every((byte, index) => byte === right[index]);
}
