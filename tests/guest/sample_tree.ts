/**
 * A tree of files such as a disk holds: programs, text, noise, many small
 * files, and the corners of what a file system keeps.
 */

import { createHash } from "node:crypto";

const MIB = 1024 * 1024;
const SYSTEM_LIBRARIES_BYTES = 20 * MIB;
const TEXT_BYTES = 12 * MIB;
const TOTAL_BYTES = 52 * MIB;
const SMALL_FILE_COUNT = 300;

/** Folder, under the one given, that holds the tree. */
export const TREE_NAME = "tree";
/** File, under the folder given, that `sha256sum --check` reads. */
export const SUMS_NAME = "tree.sha256";

const LIBRARY_FOLDER = "/usr/lib/x86_64-linux-gnu";

/**
 * Makes the tree (52 MiB of content) and the list of its SHA-256 sums in
 * `folder`. The same machine gives the same tree every time.
 */
export async function createSampleTree(folder: string): Promise<void> {
  const tree = new TreeWriter(`${folder}/${TREE_NAME}`);
  for (const path of systemLibraries()) {
    await tree.file(`libraries/${nameOf(path)}`, await Deno.readFile(path));
  }
  for (let number = 0; number < 4; number++) {
    await tree.file(`logs/day-${number}.log`, logText(number, TEXT_BYTES / 4));
  }
  for (let number = 0; number < SMALL_FILE_COUNT; number++) {
    const parent = `small/${number % 7}/${number % 11}/${number % 13}`;
    // Sizes from nothing to a little more than one block of a disk.
    await tree.file(`${parent}/${number}`, noise(number, number * 15));
  }
  await tree.file("names/ein schöner Name, 漢字.txt", logText(9, 5000));
  await tree.file(`names/${"n".repeat(255)}`, logText(8, 100));
  await tree.sparseFile("sparse", 64 * MIB);
  await tree.link("links/to-a-file", "../logs/day-0.log");
  await tree.link("links/to-nothing", "/does/not/exist");
  await tree.file("noise", noise(1, TOTAL_BYTES - tree.contentBytes));
  await Deno.writeTextFile(`${folder}/${SUMS_NAME}`, tree.sums());
}

class TreeWriter {
  contentBytes = 0;
  readonly #root: string;
  readonly #sums: string[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  sums(): string {
    return this.#sums.join("");
  }

  async file(path: string, content: Uint8Array): Promise<void> {
    await Deno.writeFile(await this.#place(path), content);
    this.contentBytes += content.length;
    const hash = createHash("sha256").update(content).digest("hex");
    this.#sums.push(`${hash}  ./${path}\n`);
  }

  /** A file of zeros but for its last byte; its content is not counted. */
  async sparseFile(path: string, sizeBytes: number): Promise<void> {
    using file = await Deno.open(await this.#place(path), {
      write: true,
      createNew: true,
    });
    await file.seek(sizeBytes - 1, Deno.SeekMode.Start);
    await file.write(Uint8Array.of(1));
  }

  async link(path: string, target: string): Promise<void> {
    await Deno.symlink(target, await this.#place(path));
  }

  async #place(path: string): Promise<string> {
    const place = `${this.#root}/${path}`;
    await Deno.mkdir(place.slice(0, place.lastIndexOf("/")), {
      recursive: true,
    });
    return place;
  }
}

/** Some of the machine's shared libraries, about 20 MiB of them. */
function systemLibraries(): string[] {
  const names = [...Deno.readDirSync(LIBRARY_FOLDER)]
    .filter((entry) => entry.isFile && entry.name.includes(".so"))
    .map((entry) => entry.name)
    .sort();
  const chosen: string[] = [];
  let bytes = 0;
  for (const name of names) {
    const size = Deno.statSync(`${LIBRARY_FOLDER}/${name}`).size;
    if (bytes + size > SYSTEM_LIBRARIES_BYTES) continue;
    bytes += size;
    chosen.push(`${LIBRARY_FOLDER}/${name}`);
  }
  return chosen;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Lines as a server's log has them. */
function logText(seed: number, sizeBytes: number): Uint8Array {
  const next = generator(seed);
  let text = "";
  while (text.length < sizeBytes) {
    const id = next();
    text += `2026-01-${10 + id % 20}T${10 + id % 14}:00:00Z client ${
      id % 251
    } read block ${id} of volume disk-${id % 5} in ${id % 9973} us\n`;
  }
  return new TextEncoder().encode(text.slice(0, sizeBytes));
}

/** Bytes that do not compress. */
function noise(seed: number, sizeBytes: number): Uint8Array {
  const next = generator(seed + 1000);
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let index = 0; index < words.length; index++) words[index] = next();
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

/** Marsaglia's xorshift: 32 bits a call, the same for the same seed. */
function generator(seed: number): () => number {
  let state = (seed + 1) * 0x9e3779b1 >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
