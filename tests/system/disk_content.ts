/** Content for disks, and comparing it. */

import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { AtaError } from "../../aoe/initiator/errors.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import { assertSame } from "../assert_same.ts";

/** Sectors moved by one call. */
const STEP_SECTORS = 1024;

/** Bytes that do not compress. */
export function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

/** Bytes that compress as prose does: words in an order of their own. */
export function prose(length: number, random: () => number): Uint8Array {
  const words = ["archive", "block", "of", "the", "disk", "score", "a", "root"];
  let text = "";
  while (text.length < length) {
    text += `${words[Math.floor(random() * words.length)]} `;
  }
  return new TextEncoder().encode(text.slice(0, length));
}

/** A small generator of numbers in [0, 1): the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Writes all of `bytes` from sector `lba` on. */
export async function writeAll(
  target: RemoteTarget,
  lba: number,
  bytes: Uint8Array,
): Promise<void> {
  const step = STEP_SECTORS * SECTOR_SIZE;
  for (let at = 0; at < bytes.length; at += step) {
    await target.write(
      lba + at / SECTOR_SIZE,
      bytes.subarray(at, Math.min(at + step, bytes.length)),
    );
  }
}

/** Reads sectors `lba` on; `length` is in bytes. */
export async function readAll(
  target: RemoteTarget,
  lba: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const step = STEP_SECTORS * SECTOR_SIZE;
  for (let at = 0; at < length; at += step) {
    const sectorCount = Math.min(step, length - at) / SECTOR_SIZE;
    bytes.set(
      await target.read({ lba: lba + at / SECTOR_SIZE, sectorCount }),
      at,
    );
  }
  return bytes;
}

/** Fails if the disk from sector `lba` on is not `expected`. */
export async function assertContent(
  target: RemoteTarget,
  lba: number,
  expected: Uint8Array,
): Promise<void> {
  const found = await readAll(target, lba, expected.length);
  assertSame(found, expected);
}

/** Reads block by block; the numbers of those that fail with an ATA error. */
export async function unreadableBlocks(
  target: RemoteTarget,
  expected: Uint8Array,
): Promise<number[]> {
  const failed: number[] = [];
  for (let block = 0; block < expected.length / 4096; block++) {
    try {
      const bytes = await target.read({ lba: block * 8, sectorCount: 8 });
      assertSame(bytes, expected.subarray(block * 4096, (block + 1) * 4096));
    } catch (error) {
      if (!(error instanceof AtaError)) throw error;
      failed.push(block);
    }
  }
  return failed;
}

/** Bytes of all files below a folder. */
export async function folderBytes(path: string): Promise<number> {
  let total = 0;
  for (const file of await filesBelow(path)) {
    total += (await Deno.stat(file)).size;
  }
  return total;
}

/** The paths of all files below a folder. */
export async function filesBelow(path: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(path)) {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory) files.push(...await filesBelow(child));
    else files.push(child);
  }
  return files.sort();
}
