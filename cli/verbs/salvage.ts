/**
 * What `salvage` does and says.
 *
 * @module
 */

import { parseFileUrl } from "../../blobstores/file_url.ts";
import { openRealDisk } from "../../cas/disk/real_disk.ts";
import { loadChecksum } from "../../cas/front/journal_checksum.ts";
import { NONCE_LENGTH } from "../../cas/front/journal_format.ts";
import {
  type FoundBatch,
  type LostBatches,
  type SalvagedWrite,
  type SalvageReport,
  surveyJournal,
  writeSalvaged,
} from "../../cas/front/journal_salvage.ts";
import { readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { randomBytes } from "../archive/random_bytes.ts";
import { commitSalvage, salvagingPath } from "../state/salvage_folder.ts";
import {
  openStateFolder,
  stateFolderPath,
  stateIdOf,
} from "../state/state_folder.ts";
import { UsageError } from "../usage_error.ts";

/** What is kept: everything sound, or only what stands before the damage. */
export type Kept = "all" | "before";

/** Sectors of a volume, ascending, without overlaps. */
interface VolumeSectors {
  readonly volume: string;
  readonly volumeId: string;
  readonly ranges: readonly {
    readonly lba: number;
    readonly sectorCount: number;
  }[];
}

/** Shows what a damaged journal holds and, where told what to keep, keeps that; the exit status. */
export async function salvageJournal(
  archive: ArchiveChoice,
  keep: Kept | undefined,
  output: Output,
): Promise<number> {
  const path = existingFolder(archive);
  const folder = openStateFolder(path, randomBytes);
  try {
    const disk = openRealDisk(folder.journalPath);
    const checksum = await loadChecksum();
    const survey = surveyJournal(disk, checksum);
    const { batches, keptBefore, lost, faults } = survey;
    const all = { writes: writesOf(batches) };
    const before = { writes: writesOf(batches.slice(0, keptBefore)) };
    const sound = lost.length === 0 && faults.length === 0;
    const ahead = await aheadOf(archive, batches.slice(0, keptBefore), output);
    if (!sound) {
      for (const line of linesOf(survey, ahead)) output.line(line);
    }
    const result = {
      journal: folder.journalPath,
      batchCount: batches.length,
      batchCountBefore: keptBefore,
      faults,
      lost: lost.map(({ writes, ...rest }) => ({
        ...rest,
        sectors: sectorsOf(writes),
      })),
      keptAll: sectorsOf(all.writes),
      keptBefore: sectorsOf(before.writes),
    };
    if (keep === undefined || sound) {
      output.line(
        sound
          ? `The journal is sound, with ${
            counted(batches.length, "batch", "batches")
          }: nothing to salvage`
          : "Nothing was changed: to go on, choose --keep all or --keep before",
      );
      output.result(result);
      return sound ? ExitStatus.Done : ExitStatus.Damaged;
    }
    if (keep === "before" && ahead.length > 0) {
      throw new UsageError(
        `Cannot keep what stands before the damage alone: the archive already has newer states of ${
          ahead.join(", ")
        }, and older writes over them would make a state that never was; choose --keep all`,
      );
    }
    const kept = keep === "all" ? batches : batches.slice(0, keptBefore);
    const moved = await apply(folder.path, survey, kept, checksum);
    output.line(
      `Kept ${
        counted(kept.length, "batch", "batches")
      }; the damaged journal is now ${moved}`,
    );
    output.result({ ...result, kept: keep, damagedJournal: moved });
    return ExitStatus.Done;
  } finally {
    folder.close();
  }
}

async function apply(
  path: string,
  { identity }: SalvageReport,
  kept: readonly FoundBatch[],
  checksum: Awaited<ReturnType<typeof loadChecksum>>,
): Promise<string | undefined> {
  const salvaging = salvagingPath(path);
  try {
    await Deno.remove(salvaging, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.mkdir(salvaging);
  if (identity !== undefined) {
    const from = openRealDisk(`${path}/journal`);
    const nonce = randomBytes(NONCE_LENGTH);
    const seal = { identity, checksum, nonce };
    await writeSalvaged(from, openRealDisk(salvaging), kept, seal);
  }
  return commitSalvage(path);
}

/** Volumes of which the archive has newer states than these batches stand on. */
async function aheadOf(
  archive: ArchiveChoice,
  batches: readonly FoundBatch[],
  output: Output,
): Promise<string[]> {
  const bases = new Map<string, number>();
  for (const { writes } of batches) {
    for (const { volumeId, baseSequence } of writes) {
      bases.set(volumeId, Math.max(bases.get(volumeId) ?? 0, baseSequence));
    }
  }
  if (bases.size === 0) return [];
  const volumes = await readArchive(
    archive,
    output,
    (it) => it.operate("volume list", {}),
  );
  return volumes.filter(({ volumeId, sequence }) =>
    sequence > (bases.get(volumeId) ?? Infinity)
  ).map(({ volume }) => volume);
}

function linesOf(survey: SalvageReport, ahead: readonly string[]): string[] {
  const { batches, keptBefore, lost, faults } = survey;
  const lines = faults.map((fault) => `DAMAGED: ${fault}`);
  for (const loss of lost) lines.push(...describeLoss(loss));
  const what = (kept: readonly FoundBatch[]): string => {
    const sectors = sectorsOf(writesOf(kept)).map(describeSectors);
    return sectors.length === 0 ? "no writes" : sectors.join("; ");
  };
  lines.push(
    `--keep all keeps ${counted(batches.length, "batch", "batches")}: ${
      what(batches)
    }`,
  );
  if (keptBefore < batches.length) {
    lines.push(
      `--keep before keeps ${counted(keptBefore, "batch", "batches")}: ${
        what(batches.slice(0, keptBefore))
      }${
        ahead.length === 0
          ? ""
          : `; not possible, the archive has newer states of ${
            ahead.join(", ")
          }`
      }`,
    );
  }
  return lines;
}

function describeLoss({ first, count, writes }: LostBatches): string[] {
  const sectors = sectorsOf(writes).map(describeSectors);
  return [
    `LOST: ${
      count === 1
        ? `batch ${first}`
        : `batches ${first} to ${first + count - 1}`
    }: ${
      sectors.length === 0
        ? "what they wrote cannot be told"
        : `${sectors.join("; ")}, as far as can be told`
    }`,
  ];
}

function describeSectors({ volume, ranges }: VolumeSectors): string {
  const list = ranges.map(({ lba, sectorCount }) =>
    `${lba} to ${lba + sectorCount - 1}`
  );
  return `sectors ${list.join(", ")} of volume ${volume}`;
}

function writesOf(batches: readonly FoundBatch[]): SalvagedWrite[] {
  return batches.flatMap(({ writes }) => writes);
}

function sectorsOf(writes: readonly SalvagedWrite[]): VolumeSectors[] {
  const volumes = new Map<string, SalvagedWrite[]>();
  for (const write of writes) {
    const of = volumes.get(write.volumeId) ?? [];
    of.push(write);
    volumes.set(write.volumeId, of);
  }
  return [...volumes].map(([volumeId, of]) => {
    const ranges: { lba: number; sectorCount: number }[] = [];
    for (const { lba, sectorCount } of of.toSorted((a, b) => a.lba - b.lba)) {
      const last = ranges.at(-1);
      const end = last === undefined ? -1 : last.lba + last.sectorCount;
      if (last === undefined || lba > end) ranges.push({ lba, sectorCount });
      else last.sectorCount = Math.max(end, lba + sectorCount) - last.lba;
    }
    return { volume: of.at(-1)!.volume, volumeId, ranges };
  });
}

function existingFolder({ store, state }: ArchiveChoice): string {
  const storePath = /^file:/i.test(store)
    ? parseFileUrl(store, () => Deno.cwd())
    : undefined;
  const path = stateFolderPath(storePath, store, state);
  if (path !== undefined && hasJournal(path)) return path;
  throw new UsageError(
    `There is no journal in ${
      path ?? store
    }: name the state folder with --state DIR`,
  );
}

function hasJournal(path: string): boolean {
  try {
    return stateIdOf(path) !== undefined ||
      Deno.statSync(`${path}/journal`).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
