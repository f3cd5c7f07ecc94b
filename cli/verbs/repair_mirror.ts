/**
 * What `repair` of a mirror does and says.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import { MirrorStore } from "../../blobstores/layers/mirror.ts";
import type {
  MirrorConflict,
  MirrorRepair,
} from "../../blobstores/layers/mirror_repair.ts";
import { faultOfBlob, isJudged } from "../../cas/engine/blob_verdict.ts";
import { copyNameOf } from "../../cas/packs/index_copies.ts";
import { packNameOf } from "../../cas/packs/pack_files.ts";
import type { Hasher } from "../../cas/score.ts";
import { chooseCodec } from "../archive/native_codec.ts";
import { openBareStore } from "../archive/store_opening.ts";
import type { ArchiveChoice } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { standardProgress } from "../output/progress.ts";
import { formatSize } from "../output/size.ts";

/** Makes the members of a mirror equal, as far as it can; the exit status. */
export async function repairMirrorMembers(
  archive: ArchiveChoice,
  output: Output,
): Promise<number> {
  const progress = standardProgress("Repairing", output);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => progress.clear());
  const codec = await chooseCodec();
  stack.defer(() => codec.close());
  const { event: onEvent } = progress.output;
  const store = await openBareStore(archive, { onEvent });
  stack.defer(() => store.close());
  if (!(store instanceof MirrorStore)) {
    throw new TypeError(`${store.display} was opened as no mirror`);
  }
  const bytesTotal = await bytesIn(store);
  let done: MirrorRepair | undefined;
  function tell(repaired: MirrorRepair, endedEarly: boolean): Result {
    progress.clear();
    const result = resultOf(repaired, endedEarly);
    for (const line of linesOf(result)) output.line(line);
    output.result(result);
    return result;
  }
  const repaired = await store.repair({
    verify: (key, bytes) => isSound(key, bytes, codec.hasher),
    progress: (repair) => {
      done = repair;
      progress.update({ bytesDone: repair.byteCount, bytesTotal });
    },
  }).catch((error) => {
    // What was mended stays so, and would be missed by the next repair's report.
    if (done !== undefined) tell(done, true);
    throw error;
  });
  const result = tell(repaired, false);
  if (result.lost.length > 0) return ExitStatus.Damaged;
  return result.conflicts.length > 0 ? ExitStatus.Failed : ExitStatus.Done;
}

/** What a repair of a mirror of archives did. */
interface Result extends MirrorRepair {
  /** Copies of the index that no member has sound: no loss, for none is needed. */
  readonly uselessCopies: readonly string[];
  /** Not all was looked at; why follows as an error. */
  readonly endedEarly: boolean;
}

function resultOf(repaired: MirrorRepair, endedEarly: boolean): Result {
  const isCopy = (key: string): boolean => copyNameOf(key) !== undefined;
  return {
    ...repaired,
    lost: repaired.lost.filter((key) => !isCopy(key)),
    uselessCopies: repaired.lost.filter(isCopy),
    endedEarly,
  };
}

/** Of all blobs, one copy of each. */
async function bytesIn(store: BlobStore): Promise<number> {
  let total = 0;
  for await (const { size } of store.list("")) total += size;
  return total;
}

/** What is no blob of an archive cannot be wrong. */
function isSound(key: string, bytes: Uint8Array, hasher: Hasher): boolean {
  const name = packNameOf(key) ?? copyNameOf(key);
  if (name !== undefined) return hasher.hash(bytes).toHex() === name;
  return !isJudged(key) || faultOfBlob(key, bytes, hasher) === undefined;
}

function linesOf(result: Result): string[] {
  const { blobCount, copiedCount, copiedBytes, replaced, conflicts, lost } =
    result;
  return [
    ...replaced.map(({ key, store, wasSound }) =>
      `Mended ${key} in ${store}: it ${
        wasSound ? "was another than most members have" : "was damaged"
      }`
    ),
    ...lost.map((key) =>
      `NOT MENDED ${key}: no member has it sound. A pack that is damaged in different places may be put together: repair --from MEMBER --store MEMBER, with the URLs of two`
    ),
    ...conflicts.map(lineOf),
    ...result.uselessCopies.map((key) =>
      `${key}: no member has it sound; a copy of the index, no data: it may be deleted in all members`
    ),
    `${result.endedEarly ? "ENDED EARLY: " : ""}${
      counted(blobCount, "blob")
    } verified in all members, ${
      counted(copiedCount, "copy", "copies")
    } made (${formatSize(copiedBytes)}), ${replaced.length} replaced; ${
      verdict(result)
    }`,
  ];
}

function verdict(
  { conflicts, lost, uselessCopies, endedEarly }: Result,
): string {
  if (conflicts.length > 0 || lost.length > 0) {
    return `${
      counted(conflicts.length, "conflict")
    } and ${lost.length} without a sound copy remain`;
  }
  if (endedEarly) return "the rest was not looked at";
  return uselessCopies.length === 0
    ? "all members are equal"
    : `all members are equal but for ${
      counted(uselessCopies.length, "useless copy", "useless copies")
    } of the index`;
}

function lineOf({ key, copies }: MirrorConflict): string {
  const sides = copies.map(({ store, byteCount, sound }) =>
    `${store} (${byteCount} bytes, ${sound === false ? "damaged" : "sound"})`
  );
  return `CONFLICT ${key}: different copies, none of them in more than half of the members: ${
    sides.join(", ")
  }. Remove it where it is not wanted, and repair again`;
}
