/**
 * The way a target is written on the command line:
 * `SHELF.SLOT=VOLUME[:SIZE]`, `SHELF.SLOT=VOLUME@SNAPSHOT`,
 * `SHELF.SLOT=root:HASH`.
 *
 * @module
 */

import { parseVolumeSize } from "./size.ts";
import { UsageError } from "./usage_error.ts";

/** A target that the operator wants served. */
export interface TargetOption {
  /** 0 to 65534. */
  readonly shelf: number;
  /** 0 to 254. */
  readonly slot: number;
  /** The volume; absent when `root` names the state. */
  readonly volume?: string;
  /** A snapshot of it, served read-only. */
  readonly snapshot?: string;
  /** A root hash, served read-only. */
  readonly root?: string;
  /** Size of a volume that is to be made. */
  readonly sizeBytes?: number;
}

const FORM =
  "SHELF.SLOT=VOLUME[:SIZE], SHELF.SLOT=VOLUME@SNAPSHOT or SHELF.SLOT=root:HASH";

/** Reads one `--target`. Throws a `UsageError`. */
export function parseTargetOption(text: string): TargetOption {
  const separator = text.indexOf("=");
  if (separator < 0) {
    throw new UsageError(`Cannot read the target "${text}": write ${FORM}`);
  }
  const address = parseAddress(text.slice(0, separator));
  const disk = text.slice(separator + 1);
  const root = /^root:([0-9a-fA-F]{64})$/.exec(disk)?.[1];
  if (root !== undefined) return { ...address, root: root.toLowerCase() };
  const match = /^([^:@]+)(?::([^:@]+)|@([^:@]+))?$/.exec(disk);
  const volume = match?.[1];
  if (match === null || volume === undefined) {
    throw new UsageError(`Cannot read the target "${text}": write ${FORM}`);
  }
  return {
    ...address,
    volume,
    ...(match[2] === undefined ? {} : { sizeBytes: parseVolumeSize(match[2]) }),
    ...(match[3] === undefined ? {} : { snapshot: match[3] }),
  };
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

/** What initiators are known to refuse about an address, as a sentence each. */
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
  }
  return warnings;
}
