/**
 * Reads of a mirror.
 *
 * @module
 */

import { BlobError, blobErrorCode, type GetOptions } from "../blob_store.ts";
import type { LayerClock } from "./layer.ts";
import { isQuorum, mayDeny, type MirrorMember } from "./mirror_member.ts";
import { equalBytes } from "./mirror_put.ts";

/** A second member is asked when the first takes so many times its usual time, */
const HEDGE_FACTOR = 4;
/** but not before so many milliseconds. */
const HEDGE_MS_MIN = 100;

/** What was read, and what was learned. */
export interface MirrorRead {
  /** The caller's. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Members that have no such blob. */
  readonly lacking: readonly MirrorMember[];
  /** Members whose bytes were not accepted, or cannot be read from their disk, where others' were. */
  readonly damaged: readonly MirrorMember[];
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Reads a blob of which any accepted copy will do: from the quickest member, and
 * from the next one when it fails, has damage, or is slow beyond its habit.
 */
export async function readAny(
  members: readonly MirrorMember[],
  key: string,
  options: GetOptions,
  clock: LayerClock,
): Promise<MirrorRead> {
  const left = members.filter(({ isUp }) => isUp)
    .sort((one, other) => one.latencyMs - other.latencyMs);
  const finished = new AbortController();
  const signals = [finished.signal, ...options.signal ? [options.signal] : []];
  const wanted = {
    ...askedOf(options),
    signal: AbortSignal.any(signals),
  };
  const lacking: MirrorMember[] = [];
  const damaged: MirrorMember[] = [];
  const failures: unknown[] = [];
  const underWay = new Set<Promise<Bytes | undefined>>();
  let unaccepted: Bytes | undefined;

  async function ask(member: MirrorMember): Promise<Bytes | undefined> {
    try {
      const bytes = await member.ask((store) => store.get(key, wanted));
      if (options.accept?.(bytes) ?? true) return bytes;
      unaccepted = bytes;
      damaged.push(member);
    } catch (error) {
      const code = blobErrorCode(error);
      if (code === "Corrupt") damaged.push(member);
      if (code === "NotFound") lacking.push(member);
      else failures.push(error);
    }
    return undefined;
  }

  function askNext(): number {
    const member = left.shift();
    if (member === undefined) return Infinity;
    const asking = ask(member).finally(() => underWay.delete(asking));
    underWay.add(asking);
    return Math.max(HEDGE_MS_MIN, HEDGE_FACTOR * member.latencyMs);
  }

  try {
    let patienceMs = askNext();
    while (underWay.size > 0) {
      const slow = new AbortController();
      const waited = patienceMs === Infinity ? [] : [
        clock.sleep(patienceMs, slow.signal).then(() => undefined),
      ];
      const bytes = await Promise.race([...underWay, ...waited]);
      slow.abort();
      if (bytes !== undefined) return { bytes, lacking, damaged };
      patienceMs = askNext();
    }
  } finally {
    finished.abort();
  }
  if (unaccepted !== undefined) {
    return { bytes: unaccepted, lacking, damaged: [] };
  }
  throw unread(members, { key, lacking, failures });
}

/** What a member is asked: copies are compared, and mend others, so their memory is not the caller's. */
function askedOf({ allocate: _, ...options }: GetOptions): GetOptions {
  return options;
}

/**
 * Reads a blob that must be what a quorum says: the bytes that most members
 * have. What is accepted counts before what is not. Where members that do not
 * answer may have made a quorum of other bytes it rejects with `Unavailable`. A
 * blob that any member has is there, however many lack it.
 */
export async function readQuorum(
  members: readonly MirrorMember[],
  key: string,
  options: GetOptions,
): Promise<MirrorRead> {
  const lacking: MirrorMember[] = [];
  const unreadable: MirrorMember[] = [];
  const failures: unknown[] = [];
  const copies: Copy[] = [];
  await new Promise<void>((resolve) => {
    let waiting = members.length;
    for (const member of members) {
      member.ask((store) => store.get(key, askedOf(options))).then((bytes) => {
        addCopy(copies, member, bytes, options.accept);
      }, (error) => {
        const code = blobErrorCode(error);
        if (code === "Corrupt") unreadable.push(member);
        if (code === "NotFound") lacking.push(member);
        else failures.push(error);
      }).then(() => {
        const isDecided = copies.some((it) =>
          it.isAccepted && isQuorum(it.members, members.length)
        );
        if (--waiting === 0 || isDecided) resolve();
      });
    }
  });
  const [best, ...others] = copies.toSorted(byWeight);
  if (best === undefined) throw unread(members, { key, lacking, failures });
  if (!isOutvoting(best, others, { members, lacking })) {
    throw new BlobError(
      `Cannot get "${key}": the members that answer do not tell which of its copies counts (${
        failures.map((error) => (error as Error).message).join("; ")
      })`,
      { code: "Unavailable", retryable: true, cause: failures[0] },
    );
  }
  return {
    bytes: best.bytes,
    lacking: [...lacking],
    damaged: best.isAccepted
      ? [...unreadable, ...others.flatMap((it) => it.members)]
      : [],
  };
}

/** False where other bytes may have a quorum, with members that did not answer. */
function isOutvoting(
  best: Copy,
  others: readonly Copy[],
  { members, lacking }: {
    readonly members: readonly MirrorMember[];
    readonly lacking: readonly MirrorMember[];
  },
): boolean {
  if (!best.isAccepted || isQuorum(best.members, members.length)) return true;
  const answered = [best, ...others].flatMap((it) => it.members);
  const silent = members.filter((it) =>
    !lacking.includes(it) && !answered.includes(it)
  );
  const rivals = others.filter((it) => it.isAccepted).map((it) => it.members);
  return ![[], ...rivals].some((it) =>
    isQuorum([...it, ...silent], members.length)
  );
}

interface Copy {
  readonly bytes: Bytes;
  readonly isAccepted: boolean;
  readonly members: MirrorMember[];
}

function addCopy(
  copies: Copy[],
  member: MirrorMember,
  bytes: Bytes,
  accept: GetOptions["accept"],
): void {
  const same = copies.find((it) => equalBytes(it.bytes, bytes));
  if (same !== undefined) same.members.push(member);
  else {
    const isAccepted = accept?.(bytes) ?? true;
    copies.push({ bytes, isAccepted, members: [member] });
  }
}

/** Accepted ones first, then those of most members, then that of the first. */
function byWeight(one: Copy, other: Copy): number {
  return Number(other.isAccepted) - Number(one.isAccepted) ||
    other.members.length - one.members.length ||
    lowest(one) - lowest(other);
}

function lowest({ members }: Copy): number {
  return Math.min(...members.map(({ index }) => index));
}

/** Nobody had it: an answer only if those who said so are a quorum. */
function unread(
  members: readonly MirrorMember[],
  { key, lacking, failures }: {
    readonly key: string;
    readonly lacking: readonly MirrorMember[];
    readonly failures: readonly unknown[];
  },
): unknown {
  if (mayDeny(lacking, members)) {
    return new BlobError(`Cannot get "${key}": no member has it`, {
      code: "NotFound",
    });
  }
  const answer = failures.find((error) =>
    ["RangeNotSatisfiable", "Corrupt"].includes(blobErrorCode(error))
  );
  if (answer !== undefined) return answer;
  const away = members.filter(({ isUp }) => !isUp);
  return failures[0] ?? new BlobError(
    `Cannot get "${key}": the members that might have it are away (${
      away.map(({ display, fault }) => `${display}: ${fault}`).join("; ")
    })`,
    { code: "Unavailable", retryable: true },
  );
}
