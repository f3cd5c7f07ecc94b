/**
 * Whether this machine itself uses a block device: a lock says nothing of
 * mounts, and two writers of one file system destroy it.
 *
 * @module
 */

import { DeviceError } from "./device_error.ts";

/** What was to be done with a device, for the message. */
export interface RefusalWords {
  /** Such as "serve". */
  readonly action: string;
  /** What can be done instead, beginning with "or". */
  readonly otherwise: string;
}

const SERVING: RefusalWords = {
  action: "serve",
  otherwise: "or add the option ro to serve it read-only",
};

/**
 * Throws a `DeviceError` when the device `rdev`, or a partition of it, is
 * mounted, swapped to, or part of another device (RAID, LVM, encryption).
 * Where `/proc` and `/sys` may not be read, it cannot know, and does not throw.
 */
export function refuseUsedBlockDevice(
  path: string,
  rdev: number,
  words: RefusalWords = SERVING,
): void {
  const name = deviceName(rdev);
  const folder = `/sys/dev/block/${name}`;
  const names = [name, ...partitionsOf(folder)];
  for (const mount of linesOf("/proc/self/mountinfo")) {
    const [, , mounted, , where] = mount.split(" ");
    if (mounted !== undefined && names.includes(mounted)) {
      throw inUse(path, words, `it is mounted on ${where}: umount ${where}`);
    }
  }
  for (const swap of linesOf("/proc/swaps")) {
    const [file] = swap.split(/\s/);
    const swapped = file?.startsWith("/") ? rdevOf(file) : undefined;
    if (swapped !== undefined && names.includes(deviceName(swapped))) {
      throw inUse(path, words, `it is swap space: swapoff ${file}`);
    }
  }
  for (const holder of entriesOf(`${folder}/holders`)) {
    throw inUse(path, words, `it is part of /dev/${holder}`);
  }
}

function inUse(
  path: string,
  { action, otherwise }: RefusalWords,
  why: string,
): DeviceError {
  return new DeviceError(
    "Busy",
    `Cannot ${action} ${path}: ${why}, ${otherwise}`,
  );
}

/** Linux's `major:minor` of a device number. */
function deviceName(rdev: number): string {
  const value = BigInt(rdev);
  const major = value >> 8n & 0xfffn | value >> 32n & ~0xfffn;
  const minor = value & 0xffn | value >> 12n & ~0xffn;
  return `${major}:${BigInt.asUintN(32, minor)}`;
}

function partitionsOf(folder: string): string[] {
  return entriesOf(folder).flatMap((entry) =>
    linesOf(`${folder}/${entry}/partition`).length > 0
      ? linesOf(`${folder}/${entry}/dev`)
      : []
  );
}

function rdevOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).rdev ?? undefined;
  } catch {
    return undefined;
  }
}

function linesOf(path: string): string[] {
  if (!mayRead(path)) return [];
  try {
    return Deno.readTextFileSync(path).split("\n").filter((line) => line);
  } catch {
    return [];
  }
}

function entriesOf(path: string): string[] {
  if (!mayRead(path)) return [];
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Nothing here asks the user for a permission. */
function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}
