/**
 * The states of a volume, along the chain of previous roots. The sequences of a
 * volume have no gaps, but the chain passes over roots of servers that had lost
 * their claim (docs/format.md, "Epochs").
 *
 * @module
 */

import type {
  DamagedEntry,
  HistoryEntry,
  HistoryPage,
} from "../volume_states.ts";
import { ArchiveError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { describeState } from "./describe_state.ts";
import type { PublishedRoot } from "./root_blob.ts";
import { readRoot } from "./root_store.ts";
import type { Volume } from "./volumes.ts";

/** Roots read at once. */
const BATCH_COUNT = 32;

/** Part of a volume's history, newest first. */
export async function historyPage(
  context: EngineContext,
  volume: Volume,
  page: { readonly fromSequence?: number; readonly countMax: number },
): Promise<HistoryPage> {
  const entries: (HistoryEntry | DamagedEntry)[] = [];
  let next: number | undefined = page.fromSequence ??
    volume.head.record.sequence;
  while (next !== undefined && entries.length < page.countMax) {
    const newest: number = next;
    const count = Math.min(BATCH_COUNT, newest + 1);
    const batch = await Promise.all(
      Array.from(
        { length: count },
        (_, index) => rootOrDamage(context, volume, newest - index),
      ),
    );
    while (
      next !== undefined && newest - next < count &&
      entries.length < page.countMax
    ) {
      const root: PublishedRoot | ArchiveError = batch[newest - next]!;
      if (root instanceof ArchiveError) {
        entries.push({ sequence: next, damage: root.message });
        next = next === 0 ? undefined : next - 1;
      } else {
        entries.push(describeEntry(root));
        next = root.record.previous?.sequence;
      }
    }
  }
  return { entries, ...(next === undefined ? {} : { nextSequence: next }) };
}

/**
 * The newest state of a volume not after a time, by binary search. Rejects with
 * `NoRoot` when the volume began later, and with `Damaged` when that state may be
 * one whose root cannot be read: an older one is never taken for it.
 */
export async function rootAt(
  context: EngineContext,
  volume: Volume,
  atMs: number,
): Promise<PublishedRoot> {
  const { head } = volume;
  if (head.record.timeMs <= atMs) return head;
  let found: PublishedRoot | undefined;
  let damage: { sequence: number; error: ArchiveError } | undefined;
  /** Of the states up to `low`, `found` is the newest; that of `high` is too new. */
  let low = -1;
  let high = head.record.sequence;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    let sequence = middle;
    let root: PublishedRoot | undefined;
    for (; root === undefined && sequence > low; sequence--) {
      const read = await rootOrDamage(context, volume, sequence);
      if (read instanceof ArchiveError) {
        if (damage === undefined || damage.sequence < sequence) {
          damage = { sequence, error: read };
        }
      } else if (await isInChain(context, volume, read)) root = read;
    }
    if (root === undefined) low = middle;
    else if (root.record.timeMs <= atMs) {
      found = root;
      low = middle;
    } else {
      high = root.record.sequence;
      if (damage !== undefined && damage.sequence > high) damage = undefined;
    }
  }
  if (
    damage !== undefined && damage.sequence > (found?.record.sequence ?? -1)
  ) {
    throw damage.error;
  }
  if (found !== undefined) return found;
  throw new ArchiveError(
    "NoRoot",
    `Volume "${volume.name}" has no state as old as ${
      new Date(atMs).toISOString()
    }: "history ${volume.name}" shows its states`,
  );
}

/** False for a root that was left aside: the one after it does not stand on it. */
async function isInChain(
  context: EngineContext,
  volume: Volume,
  root: PublishedRoot,
): Promise<boolean> {
  const { sequence } = root.record;
  if (sequence === volume.head.record.sequence) return true;
  const next = await rootOrDamage(context, volume, sequence + 1);
  return next instanceof ArchiveError ||
    next.record.previous?.sequence === sequence;
}

async function rootOrDamage(
  context: EngineContext,
  volume: Volume,
  sequence: number,
): Promise<PublishedRoot | ArchiveError> {
  try {
    return await readRoot(context, volume.id, sequence);
  } catch (error) {
    if (error instanceof ArchiveError && error.code === "Damaged") return error;
    throw error;
  }
}

function describeEntry(root: PublishedRoot): HistoryEntry {
  const { blocksWritten, blocksNew, packs, packBytes } = root;
  return {
    ...describeState(root),
    blocksWritten,
    blocksNew,
    packCount: packs.length,
    packBytes,
  };
}
