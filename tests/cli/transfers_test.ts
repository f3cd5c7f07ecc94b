import assert from "node:assert/strict";
import { runCommand } from "../guest/server.ts";
import { withFolder } from "../temporary_folder.ts";

const MAIN_PATH: string = new URL("../../main.ts", import.meta.url).pathname;
const MEBIBYTE: number = 1024 * 1024;

interface Ran {
  readonly success: boolean;
  // deno-lint-ignore no-explicit-any
  readonly results: any[];
}

/** Runs a command with `--json`. */
async function run(store: string, ...words: string[]): Promise<Ran> {
  const ran = await runCommand(...words, "--store", store, "--json");
  const lines = ran.stdout.split("\n").filter((line) => line !== "");
  return {
    success: ran.success,
    results: lines.map((line) => JSON.parse(line))
      .filter(({ event }) => event !== "progress"),
  };
}

/** Makes a sparse file; a piece is its place and length in MiB. */
async function makeImage(
  path: string,
  byteCount: number,
  pieces: readonly (readonly [number, number])[],
): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  await file.truncate(byteCount);
  for (const [start, length] of pieces) {
    await file.seek(start * MEBIBYTE, Deno.SeekMode.Start);
    for (let done = 0; done < length * 16; done++) {
      await file.write(crypto.getRandomValues(new Uint8Array(65_536)));
    }
  }
}

async function sha256(stream: ReadableStream<Uint8Array>): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  for await (const bytes of stream) hash.update(bytes);
  return hash.digest("hex");
}

async function fileHash(path: string): Promise<string> {
  return await sha256((await Deno.open(path)).readable);
}

Deno.test("a sparse image goes in and comes out the same, as sparse as before, by file and by pipe", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/archive`;
    const image = `${folder}/disk.img`;
    const out = `${folder}/out.img`;
    await makeImage(image, 256 * MEBIBYTE + 4096, [[3, 2], [200, 1]]);
    const refused = await run(store, "import", image, "disk");
    assert.equal(refused.results[0].exitStatus, 10);
    const imported = await run(store, "import", image, "disk", "--create");
    assert.equal(imported.results[0].blocksNew, 768);
    const exported = await run(store, "export", "disk", out);
    assert.equal(exported.results[0].blocksWritten, 768);
    assert.equal(await fileHash(out), await fileHash(image));
    const [before, after] = [Deno.statSync(image), Deno.statSync(out)];
    assert.equal(after.size, before.size);
    assert.ok(after.blocks! <= before.blocks! + 64, `${after.blocks} blocks`);
    const again = await run(store, "export", "disk", out);
    assert.equal(again.results[0].exitStatus, 12);
    assert.match(again.results[0].message, /--overwrite/);
    const over = await run(store, "export", "disk", out, "--overwrite");
    assert.ok(over.success);
    const piped = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN_PATH, "export", "disk", "-", "--store", store],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    assert.equal(await sha256(piped.stdout), await fileHash(image));
    assert.ok((await piped.status).success);
  });
});

Deno.test("an import that was killed goes on where it was, and so does an export", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/archive`;
    const image = `${folder}/disk.img`;
    await makeImage(image, 80 * MEBIBYTE, [[0, 80]]);
    const args = ["import", image, "disk", "--create", "--store", store];
    await killWhen(args, () => fileCount(`${folder}/archive/packs`) > 0);
    const volumes = await run(store, "volume", "list");
    assert.deepEqual(volumes.results, []);
    const imported = await run(store, "import", image, "disk");
    const [{ blocksNew, blocksDuplicate, rootHash }] = imported.results;
    assert.equal(blocksNew + blocksDuplicate, 80 * 256);
    assert.ok(blocksDuplicate >= 4000, `${blocksDuplicate} blocks were there`);
    const out = `${folder}/out.img`;
    const partial = `${out}.${rootHash.slice(0, 16)}.partial`;
    await killWhen(
      ["export", "disk", out, "--store", store],
      () => sizeOf(partial) > 0,
    );
    assert.equal(sizeOf(out), 0);
    const there = Math.floor(sizeOf(partial) / 4096);
    const exported = await run(store, "export", "disk", out);
    const [{ blocksKept, blocksWritten }] = exported.results;
    assert.equal(blocksKept + blocksWritten, 80 * 256);
    assert.ok(blocksKept >= there - 1, `${blocksKept} of ${there} were kept`);
    assert.equal(await fileHash(out), await fileHash(image));
    assert.equal(sizeOf(partial), 0);
  });
});

Deno.test("a file system of a real mkfs costs what estimate said, and is sound after its way through a copy", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/archive`;
    const image = `${folder}/disk.img`;
    await makeImage(image, 64 * MEBIBYTE, []);
    await command(
      "mkfs.ext4",
      "-q",
      "-d",
      new URL("../../docs", import.meta.url).pathname,
      image,
    );
    await run(store, "volume", "create", "first", "4KiB", "--create");
    const { results: [estimate] } = await run(store, "estimate", image);
    const { results: [imported] } = await run(store, "import", image, "disk");
    assert.equal(estimate.blocksNew, imported.blocksNew);
    assert.ok(estimate.storedBytes < imported.packBytes);
    const again = await run(store, "estimate", image);
    assert.equal(again.results[0].blocksNew, 0);
    const to = `file:${folder}/copy`;
    const copied = await run(store, "copy", "--to", to, "--create");
    assert.equal(copied.results[0].rootCount, 2);
    const state = `root:${imported.rootHash}`;
    await run(to, "export", state, `${folder}/out.img`);
    await command("e2fsck", "-fn", `${folder}/out.img`);
    assert.equal(
      await fileHash(`${folder}/out.img`),
      await fileHash(image),
    );
    assert.equal((await run(to, "check")).success, true);
  });
});

Deno.test("a corrupted pack is named by export and copy, with exit status 20", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/archive`;
    await makeImage(`${folder}/disk.img`, 4 * MEBIBYTE, [[0, 4]]);
    await run(store, "import", `${folder}/disk.img`, "disk", "--create");
    const [pack] = filesBelow(`${folder}/archive/packs`)
      .sort((left, right) => sizeOf(right) - sizeOf(left));
    await Deno.chmod(pack!, 0o600);
    using file = await Deno.open(pack!, { write: true });
    await file.seek(MEBIBYTE, Deno.SeekMode.Start);
    await file.write(new Uint8Array(16));
    const name = pack!.slice(pack!.lastIndexOf("/") + 1);
    const to = ["--to", `file:${folder}/copy`, "--create"];
    for (
      const words of [["export", "disk", `${folder}/out.img`], ["copy", ...to]]
    ) {
      const { results: [refusal] } = await run(store, ...words);
      assert.equal(refusal.exitStatus, 20);
      assert.ok(refusal.message.includes(name), refusal.message);
    }
    assert.equal(sizeOf(`${folder}/out.img`), 0);
  });
});

Deno.test("inspect finds a block by its score alone", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/archive`;
    const image = `${folder}/disk.img`;
    await makeImage(image, MEBIBYTE, [[0, 1]]);
    await run(store, "import", image, "disk", "--create");
    const { createWasmHasher } = await import("../../cas/score.ts");
    const block = (await Deno.readFile(image)).subarray(0, 4096);
    const score = (await createWasmHasher()).hash(block).toHex();
    const { results: [found] } = await run(store, "inspect", score);
    assert.equal(found.fields.score, score);
    assert.equal(found.entries[0].bytes, block.subarray(0, 16).toHex());
    assert.match(found.fields.pack, /^[0-9a-f]{64}$/);
    const none = await run(store, "inspect", "ab".repeat(32));
    assert.match(none.results.at(-1).message, /none that holds a block/);
  });
});

/** Starts a command and kills it as soon as something is the case. */
async function killWhen(
  args: readonly string[],
  isCase: () => boolean,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN_PATH, ...args],
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  child.status.then(() => ended = true);
  while (!ended && !isCase()) await new Promise((next) => setTimeout(next, 2));
  assert.equal(ended, false, "the command ended too early");
  child.kill("SIGKILL");
  await child.status;
}

async function command(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args })
    .output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

function fileCount(folder: string): number {
  return filesBelow(folder).filter((path) => /[0-9a-f]{64}$/.test(path)).length;
}

function filesBelow(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
      isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
    );
  } catch {
    return [];
  }
}
