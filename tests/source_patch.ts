/**
 * Copies of the sources with one thing changed: for tests that see whether
 * other tests would notice.
 */

import assert from "node:assert/strict";

/** A change of one file. */
export interface Patch {
  /** From the folder of the project. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** Copies the TypeScript files of a folder, and of those in it, to a new one. */
export async function copySources(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copySources(`${from}/${name}`, `${to}/${name}`);
    else if (name.endsWith(".ts")) {
      await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
    }
  }
}

/**
 * Carries out a patch in a copy of the project; what it returns undoes it.
 *
 * @throws {assert.AssertionError} when the text does not stand there once.
 */
export async function applyPatch(
  folder: string,
  { file, find, replace }: Patch,
): Promise<() => Promise<void>> {
  const path = `${folder}/${file}`;
  const source = await Deno.readTextFile(path);
  assert.equal(source.split(find).length, 2, `${file} has once: ${find}`);
  await Deno.writeTextFile(path, source.replace(find, () => replace));
  return () => Deno.writeTextFile(path, source);
}
