/**
 * Packs from one store to another, whole and under their names. The name of a
 * pack is the BLAKE3 of its bytes, so each is verified before it is put.
 *
 * @module
 */

import { counted } from "../../blobstores/counted.ts";
import { ArchiveError } from "../errors.ts";
import { mapInOrder } from "../packs/map_in_order.ts";
import { PackFault, type PackFile, PackFiles } from "../packs/pack_files.ts";
import type { Hasher } from "../score.ts";
import type { ProgressSink } from "./transfer_context.ts";

/** Packs held in memory at once: 64 MiB. */
const PACKS_AT_ONCE_MAX = 4;
/** Damaged packs that a message names. */
const DAMAGED_NAMED_MAX = 10;

/** What copying packs works with. */
export interface CopyPacksOptions {
  /** The packs of the source. */
  readonly from: PackFiles;
  /** The packs of the destination. */
  readonly to: PackFiles;
  /** Names packs. */
  readonly hasher: Hasher;
  /** Names of the source and the destination, for messages. */
  readonly display: { readonly from: string; readonly to: string };
  /** Told of every pack. */
  readonly progress: ProgressSink;
}

/** What copying packs did. */
export interface CopiedPacks {
  /** Packs put. */
  readonly packCount: number;
  /** Their bytes. */
  readonly packBytes: number;
}

/**
 * Copies packs. Damaged ones are passed over to the end, and then named by the
 * `Damaged` that it rejects with: the others need not be copied again.
 */
export async function copyPacks(
  packs: readonly PackFile[],
  options: CopyPacksOptions,
): Promise<CopiedPacks> {
  const { from, to, display, progress } = options;
  const bytesTotal = packs.reduce((total, { size }) => total + size, 0);
  const faults: string[] = [];
  let bytesDone = 0;
  let packCount = 0;
  let packBytes = 0;
  progress({ bytesDone, bytesTotal });
  const copied = mapInOrder(
    packs,
    Math.min(PACKS_AT_ONCE_MAX, from.concurrencyMax, to.concurrencyMax),
    async (pack) => ({ pack, outcome: await copyPack(pack.name, options) }),
  );
  for await (const { pack, outcome } of copied) {
    bytesDone += pack.size;
    progress({ bytesDone, bytesTotal });
    if (typeof outcome === "string") faults.push(`${pack.name} (${outcome})`);
    else {
      packCount++;
      packBytes += outcome;
    }
  }
  if (faults.length === 0) return { packCount, packBytes };
  const named = faults.slice(0, DAMAGED_NAMED_MAX).join(", ");
  const more = faults.length - DAMAGED_NAMED_MAX;
  throw new ArchiveError(
    "Damaged",
    `Cannot copy ${
      counted(faults.length, "pack")
    } from ${display.from} to ${display.to}: ${named}${
      more > 0 ? ` and ${more} more` : ""
    }; all others were copied, and no state was: restore these, and copy again`,
  );
}

/** Copies a pack: its bytes, or why not, as half a sentence. */
async function copyPack(
  name: string,
  { from, to, hasher }: CopyPacksOptions,
): Promise<number | string> {
  const bytes = await from.readAll(name);
  if (bytes instanceof PackFault) return bytes.reason;
  const found = hasher.hash(bytes).toHex();
  if (found !== name) return `its bytes have the hash ${found}`;
  if (await to.put(name, bytes)) return bytes.length;
  const there = await to.readAll(name);
  const same = !(there instanceof PackFault) &&
    hasher.hash(there).toHex() === name;
  return same ? bytes.length : "a damaged pack has its name at the destination";
}
