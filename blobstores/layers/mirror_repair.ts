/**
 * Makes the members of a mirror equal again.
 *
 * @module
 */

import { blobErrorCode } from "../blob_store.ts";
import { listUnion, type MirrorEntry } from "./mirror_listing.ts";
import type { MirrorMember } from "./mirror_member.ts";
import { equalBytes } from "./mirror_put.ts";

const PACKS = "packs/";
/** The blob that tells that a member is filled, up to what it missed since. */
const LAST = "format";
/**
 * Prefixes in the order in which they are copied: packs first, so that a member
 * never has a root whose packs it lacks.
 */
const ORDER: readonly string[] = [PACKS, "", LAST];

/** Options of a repair. */
export interface MirrorRepairOptions {
  /** Only these members are changed; all of them when absent. */
  readonly members?: readonly MirrorMember[];
  /**
   * Whether bytes are those of the blob: a pack's hash, a root's checksum. With
   * it every copy is read, and those that are wrong are replaced by a right one;
   * without it nothing is read that no member lacks, and nothing is replaced. A
   * sound copy only gives way to that of more than half of the members.
   */
  readonly verify?: (key: string, bytes: Uint8Array) => boolean;
  /** Told of every blob that was looked at. */
  readonly progress?: (repair: MirrorRepair) => void;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** One member's copy of a blob. */
export interface MirrorCopy {
  /** The member, without secrets. */
  readonly store: string;
  /** Its length. */
  readonly byteCount: number;
  /** Whether it verifies; absent where nobody could tell. */
  readonly sound?: boolean;
}

/** A blob whose copies differ, and no rule says which is right. */
export interface MirrorConflict {
  /** Its key. */
  readonly key: string;
  /** All copies. */
  readonly copies: readonly MirrorCopy[];
}

/** A wrong copy that was replaced by a right one. */
export interface MirrorReplacement {
  /** The blob's key. */
  readonly key: string;
  /** The member, without secrets. */
  readonly store: string;
  /** It verified, but most members have another: a stray of a writer that lost. */
  readonly wasSound: boolean;
}

/** What a repair did. */
export interface MirrorRepair {
  /** Blobs looked at. */
  blobCount: number;
  /** Bytes of these, one copy of each. */
  byteCount: number;
  /** Copies made where there was none. */
  copiedCount: number;
  /** Bytes of these. */
  copiedBytes: number;
  /** Wrong copies replaced by right ones. */
  readonly replaced: MirrorReplacement[];
  /** Blobs that are left as they are. */
  readonly conflicts: MirrorConflict[];
  /** Keys of which no copy is right. */
  readonly lost: string[];
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Repairs; rejects when a member that is to be changed cannot be, or when too few
 * members can be listed. May run while the mirror is in use.
 */
export async function repairMirror(
  members: readonly MirrorMember[],
  options: MirrorRepairOptions,
): Promise<MirrorRepair> {
  const repair: MirrorRepair = {
    blobCount: 0,
    byteCount: 0,
    copiedCount: 0,
    copiedBytes: 0,
    replaced: [],
    conflicts: [],
    lost: [],
  };
  const targets = options.members ?? members;
  const { signal } = options;
  function left(member: MirrorMember): void {
    if (!targets.includes(member)) return;
    throw new Error(`Cannot repair ${member.display}: ${member.fault}`);
  }
  const list = signal === undefined ? {} : { signal };
  for (const prefix of ORDER) {
    for await (const entry of listUnion(members, prefix, list, left)) {
      if (entry instanceof Error) throw entry;
      const hasOwnTurn = entry.key.startsWith(PACKS) ||
        entry.key.startsWith(LAST);
      if (prefix === "" && hasOwnTurn) continue;
      signal?.throwIfAborted();
      await repairOne(entry, { members, targets, options, repair });
      repair.blobCount++;
      repair.byteCount += entry.size;
      options.progress?.(repair);
    }
  }
  return repair;
}

interface Work {
  readonly members: readonly MirrorMember[];
  readonly targets: readonly MirrorMember[];
  readonly options: MirrorRepairOptions;
  readonly repair: MirrorRepair;
}

async function repairOne(entry: MirrorEntry, work: Work): Promise<void> {
  const { members, targets, options, repair } = work;
  const missing = targets.filter((member) => !entry.sizes.has(member));
  const isUneven = new Set(entry.sizes.values()).size > 1;
  const { verify } = options;
  if (missing.length === 0 && verify === undefined) {
    if (isUneven) repair.conflicts.push(conflictOf(entry));
    return;
  }
  const copies = new Map<MirrorMember, Bytes>();
  let damage: unknown;
  for (const member of entry.sizes.keys()) {
    try {
      copies.set(member, await read(member, entry.key));
    } catch (error) {
      // What a disk cannot read is there, and is to be replaced.
      if (blobErrorCode(error) !== "Corrupt") throw error;
      damage = error;
      continue;
    }
    // Of a pack any copy will do as long as all look alike: its reader verifies it.
    const isAny = entry.key.startsWith(PACKS) && !isUneven;
    if (verify === undefined && isAny) break;
  }
  if (verify === undefined && copies.size === 0) throw damage;
  const right = chooseRight(entry.key, copies, members, verify);
  if (right === undefined) {
    const isLost = verify !== undefined &&
      ![...copies.values()].some((bytes) => verify(entry.key, bytes));
    if (isLost) repair.lost.push(entry.key);
    else repair.conflicts.push(conflictOf(entry, copies, verify));
    return;
  }
  for (const member of missing) {
    if (await copyTo(member, entry.key, right)) {
      repair.copiedCount++;
      repair.copiedBytes += right.length;
    }
  }
  if (verify === undefined) return;
  for (const member of entry.sizes.keys()) {
    const bytes = copies.get(member);
    const isRight = bytes !== undefined && equalBytes(bytes, right);
    if (isRight || !targets.includes(member)) continue;
    const wasSound = bytes !== undefined && verify(entry.key, bytes);
    await member.ask((store) => store.put(entry.key, right));
    repair.replaced.push({ key: entry.key, store: member.display, wasSound });
  }
}

function conflictOf(
  { key, sizes }: MirrorEntry,
  copies?: ReadonlyMap<MirrorMember, Bytes>,
  verify?: MirrorRepairOptions["verify"],
): MirrorConflict {
  return {
    key,
    copies: [...sizes].map(([member, size]) => {
      const bytes = copies?.get(member);
      return {
        store: member.display,
        byteCount: bytes?.length ?? size,
        ...(verify === undefined
          ? {}
          : { sound: bytes !== undefined && verify(key, bytes) }),
      };
    }),
  };
}

/**
 * The right copy: the only one there is among those that verify, or that of more
 * than half of the members. Half with the first decides what counts, but proves
 * nothing: each half may have been written alone, and what is overwritten cannot
 * be had again. It is not copied either: that would make it the majority.
 */
function chooseRight(
  key: string,
  copies: ReadonlyMap<MirrorMember, Bytes>,
  members: readonly MirrorMember[],
  verify: MirrorRepairOptions["verify"],
): Bytes | undefined {
  const groups: { readonly bytes: Bytes; readonly members: MirrorMember[] }[] =
    [];
  for (const [member, bytes] of copies) {
    if (verify?.(key, bytes) === false) continue;
    const group = groups.find((it) => equalBytes(it.bytes, bytes));
    if (group === undefined) groups.push({ bytes, members: [member] });
    else group.members.push(member);
  }
  const chosen = groups.length === 1
    ? groups[0]
    : groups.find((it) => 2 * it.members.length > members.length);
  return chosen?.bytes;
}

function read(member: MirrorMember, key: string): Promise<Bytes> {
  return member.ask((store) => store.get(key));
}

/** False when another put was quicker. */
async function copyTo(
  member: MirrorMember,
  key: string,
  bytes: Uint8Array,
): Promise<boolean> {
  try {
    await member.ask((store) => store.put(key, bytes, { ifAbsent: true }));
    return true;
  } catch (error) {
    if (blobErrorCode(error) === "AlreadyExists") return false;
    throw error;
  }
}
