/**
 * The way a target is written on the command line: `SHELF.SLOT=DISK`, then
 * options with commas between, where DISK is `VOLUME[:SIZE]`,
 * `VOLUME@SNAPSHOT`, `VOLUME@TIME`, `root:HASH`, `path:FILE` or `memory:SIZE`.
 *
 * @module
 */

import { parseSize, parseVolumeSize } from "../output/size.ts";
import {
  badRoot,
  looksLikeTime,
  parseRoot,
  parseTime,
} from "./state_reference.ts";
import { parseTuning, type TargetTuning } from "./target_tuning.ts";
import { UsageError } from "../usage_error.ts";

/** A target that the operator wants served. */
export interface TargetOption extends TargetTuning {
  /** 0 to 65534. */
  readonly shelf: number;
  /** 0 to 254. */
  readonly slot: number;
  /** The volume; absent when `root`, `path` or `memory` names the disk. */
  readonly volume?: string;
  /** A snapshot of it, served read-only. */
  readonly snapshot?: string;
  /** The volume's newest state not after this time, in milliseconds since 1970, served read-only. */
  readonly atMs?: number;
  /** A root hash, served read-only. */
  readonly root?: string;
  /** A file or block device, served as it is. */
  readonly path?: string;
  /** A disk in memory, of `sizeBytes`. */
  readonly memory?: true;
}

const FORM = "SHELF.SLOT=DISK, where DISK is VOLUME[:SIZE], VOLUME@SNAPSHOT, " +
  "VOLUME@TIME, root:HASH, path:FILE or memory:SIZE";

/** Reads one `--target`. Throws a `UsageError`. */
export function parseTargetOption(text: string): TargetOption {
  const separator = text.indexOf("=");
  if (separator < 0) {
    throw new UsageError(`Cannot read the target "${text}": write ${FORM}`);
  }
  const address = parseAddress(text.slice(0, separator));
  const [disk = "", ...words] = text.slice(separator + 1).split(",");
  const tuning = parseTuning(words, text);
  return checkedTarget({ ...address, ...parseDisk(disk, text), ...tuning });
}

/** Reads what stands before the first comma. */
function parseDisk(
  disk: string,
  text: string,
): Omit<TargetOption, "shelf" | "slot"> {
  const root = parseRoot(disk);
  if (root !== undefined) return { root };
  const path = /^path:(.+)$/s.exec(disk)?.[1];
  if (path !== undefined) return { path };
  const size = /^memory:(.+)$/.exec(disk)?.[1];
  if (size !== undefined) {
    return { memory: true, sizeBytes: parseVolumeSize(size) };
  }
  const [, past, time] = /^([^:@]+)@([^@]+)$/.exec(disk) ?? [];
  if (past !== undefined && time !== undefined && looksLikeTime(time)) {
    return { volume: past, atMs: parseTime(time) };
  }
  const match = /^([^:@]+)(?::([^:@]+)|@([^:@]+))?$/.exec(disk);
  const volume = match?.[1];
  if (match === null || volume === undefined) {
    throw new UsageError(`Cannot read the target "${text}": write ${FORM}`);
  }
  // A volume may have the name "root": what follows is then its size.
  const isHash = volume === "root" && match[2] !== undefined &&
    parseSize(match[2]) === undefined;
  if (isHash) throw badRoot(disk);
  return {
    volume,
    ...(match[2] === undefined ? {} : { sizeBytes: parseVolumeSize(match[2]) }),
    ...(match[3] === undefined ? {} : { snapshot: match[3] }),
  };
}

/** The target, unless its parts do not go together. Throws a `UsageError`. */
export function checkedTarget(target: TargetOption): TargetOption {
  const name = `${target.shelf}.${target.slot}`;
  const isPast = isPastState(target);
  if (target.clone && !isPast) {
    throw new UsageError(
      `Target ${name}: only a snapshot or a root can be served as a clone`,
    );
  }
  if (target.sizeBytes !== undefined && isPast) {
    throw new UsageError(
      `Target ${name}: only a volume's head, a file and memory can be given a size`,
    );
  }
  const isHead = target.volume !== undefined && !isPast;
  if (target.follow && !isHead) {
    throw new UsageError(
      `Target ${name}: only a volume moves on and can be followed; leave out "follow"`,
    );
  }
  const isVolume = isHead || typeof target.clone === "string";
  if (target.flush === "remote" && !isVolume) {
    throw new UsageError(
      `Target ${name}: only writes to a volume go to the store; leave out "flush"`,
    );
  }
  return target;
}

/** Whether the target is a state of a volume that no longer changes. */
export function isPastState(target: TargetOption): boolean {
  return target.snapshot !== undefined || target.atMs !== undefined ||
    target.root !== undefined;
}

/** Reads `SHELF.SLOT`, refusing the two broadcast values. */
export function parseAddress(text: string): { shelf: number; slot: number } {
  const match = /^(\d{1,5})\.(\d{1,3})$/.exec(text);
  const shelf = Number(match?.[1]);
  const slot = Number(match?.[2]);
  if (match === null || shelf > 0xfffe || slot > 0xfe) {
    throw new UsageError(
      `Cannot use the address "${text}": write SHELF.SLOT with a shelf of 0 to 65534 and a slot of 0 to 254, such as 1.0`,
    );
  }
  return { shelf, slot };
}

/** What initiators are known to make of an address, as a sentence each. */
export function addressWarnings(shelf: number, slot: number): string[] {
  const name = `${shelf}.${slot}`;
  const warnings: string[] = [];
  if (shelf === 0xfff) {
    warnings.push(
      `Target ${name}: Linux ignores shelf 4095, which it takes for unset switches; use another shelf`,
    );
  }
  if (slot >= 16) {
    warnings.push(
      `Target ${name}: Linux with aoe_dyndevs=0 ignores slots of 16 and more; use a slot of 0 to 15`,
    );
  } else if (slot >= 10) {
    warnings.push(
      `Target ${name}: illumos, which numbers disks SHELF * 10 + SLOT, takes it for one of another shelf; for illumos use a slot of 0 to 9`,
    );
  }
  return warnings;
}
