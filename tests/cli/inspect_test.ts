import assert from "node:assert/strict";
import { openArchiveHere } from "../../cli/archive/archive_opening.ts";
import { chooseCodec } from "../../cli/archive/native_codec.ts";
import { openServingArchive } from "../../cli/serving/serving_archive.ts";
import { inspectBlock } from "../../cas/inspect/block.ts";
import { inspectFile } from "../../cas/inspect/inspect.ts";
import type { Inspection } from "../../cas/inspect/inspection.ts";
import { runCommand } from "../guest/server.ts";

const SECTOR_SIZE = 512;

/** An archive of 8 blocks, a snapshot and a journal that is not empty. */
async function makeArchive(folder: string): Promise<void> {
  const archive = await openServingArchive({
    storeUrl: `file:${folder}/archive`,
    create: true,
    openPort: openArchiveHere,
    access: "serve",
    onEvent: () => {},
  });
  const request = { volume: "disk", createBlockCount: 1000 };
  const disk = await archive.front.openVolume(request);
  let newest = Infinity;
  const settled = Promise.withResolvers<void>();
  disk.onSettled((throughTicket) => {
    if (throughTicket >= newest) settled.resolve();
  });
  const bytes = new Uint8Array(64 * SECTOR_SIZE);
  bytes.forEach((_, index) => bytes[index] = index % 251 + index / 4096);
  disk.write({ lba: 0, sectorCount: 64 }, bytes, 0);
  await archive.front.snapshot("disk", "first");
  // The copy is to have this one in its journal.
  newest = disk.write({ lba: 80, sectorCount: 3 }, bytes, 0);
  await settled.promise;
  await copyTree(`${folder}/archive`, `${folder}/copy`);
  await archive.close();
}

/** The store as it is while it is written: with its journal. */
async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [`${from}/${entry.name}`, `${to}/${entry.name}`];
    if (entry.isDirectory) await copyTree(source, target);
    else if (entry.isFile) await Deno.copyFile(source, target);
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...await filesBelow(path));
    else files.push(path);
  }
  return files;
}

Deno.test("every kind of file of an archive is told in words, and its damage is seen", async () => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-inspect-" });
  const codec = await chooseCodec();
  try {
    await makeArchive(folder);
    const found = new Map<string, Inspection>();
    const packs: Uint8Array[] = [];
    const local: string[] = [];
    for (const path of await filesBelow(`${folder}/copy`)) {
      const bytes = await Deno.readFile(path);
      const inspection = await inspectFile(bytes, codec);
      if (inspection.kind === "unknown") continue;
      if (inspection.kind === "text of a state folder") {
        local.push(path.slice(path.lastIndexOf("/") + 1));
        assert.deepEqual(inspection.faults, [], path);
        continue;
      }
      const known = found.get(inspection.kind);
      const more = inspection.entries.length > (known?.entries.length ?? -1);
      if (more) found.set(inspection.kind, inspection);
      // A segment that is kept ready has no header yet.
      if (inspection.kind === "journal segment" && !more) continue;
      assert.deepEqual(inspection.faults, [], path);
      if (inspection.kind === "pack") packs.push(bytes);
      if (inspection.kind === "journal segment") continue;
      const damaged = bytes.slice();
      damaged[Math.floor(bytes.length / 2)]! ^= 1;
      const seen = await inspectFile(damaged, codec);
      assert.notDeepEqual(seen.faults, [], path);
    }
    assert.deepEqual(local.sort(), ["heads.json", "state.json"]);
    assert.equal(found.get("deepshelf archive")!.fields.version, 1);
    assert.equal(found.get("deepshelf epoch")!.fields.epoch, 1);
    const snapshot = found.get("deepshelf snapshot")!;
    assert.equal(snapshot.fields.name, "first");
    const root = found.get("root")!;
    assert.equal(root.fields.volume, "disk");
    const journal = found.get("journal segment")!;
    const { volume, lba, sectors } = journal.entries.at(-1)!;
    assert.deepEqual([volume, lba, sectors], ["disk", 80, 3]);
    const pack = found.get("pack")!;
    const kinds = pack.entries.map(({ kind }) => kind);
    assert.equal(kinds.filter((kind) => kind === "data").length, 8);
    assert.ok(kinds.includes("pointers 1"));
    const bytes = packs.find((it) =>
      codec.hasher.hash(it).toHex() === pack.fields.name
    )!;
    for (const { kind, score } of pack.entries) {
      const block = inspectBlock(bytes, String(score), codec)!;
      assert.deepEqual(block.faults, [], String(kind));
      if (kind === "data") assert.equal(block.entries.length, 256);
      if (kind === "pointers 1") assert.equal(block.entries.length, 8);
      if (kind === "root") assert.equal(block.fields["root hash"], score);
    }
    assert.equal(inspectBlock(bytes, "0".repeat(64), codec), undefined);
  } finally {
    codec.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("files of the state folder are not taken for damaged ones, nor a text without its seal for one of them", async () => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-inspect-" });
  const codec = await chooseCodec();
  try {
    await makeArchive(folder);
    const manifest = await Deno.readFile(
      `${folder}/archive/local/index/manifest`,
    );
    const seen = await inspectFile(manifest, codec);
    assert.equal(seen.kind, "text of a state folder");
    assert.deepEqual(seen.faults, []);
    assert.ok(Number(seen.fields["packCount"]) > 0);
    manifest[20]! ^= 1;
    assert.equal((await inspectFile(manifest, codec)).faults.length, 1);
    const format = await Deno.readFile(`${folder}/archive/format`);
    const torn = format.subarray(0, format.indexOf(0x0a) + 1);
    assert.equal((await inspectFile(torn, codec)).faults.length, 1);
  } finally {
    codec.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("inspect takes a path, a key, a pack's name or a root", async () => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-inspect-" });
  try {
    await makeArchive(folder);
    const store = ["--store", `file:${folder}/archive`];
    const format = await runCommand("inspect", "format", ...store);
    assert.match(format.stdout, /deepshelf archive/);
    const byPath = await runCommand("inspect", `${folder}/archive/format`);
    assert.equal(byPath.stdout, format.stdout);
    const history = await runCommand("history", "disk", ...store, "--json");
    const newest = JSON.parse(history.stdout.split("\n")[0]!);
    const root = await runCommand(
      ...["inspect", `root:${newest.rootHash}`, ...store, "--json"],
    );
    const { fields, entries } = JSON.parse(root.stdout);
    assert.equal(fields["root hash"], newest.rootHash);
    const pack = await runCommand("inspect", entries[0].pack, ...store);
    assert.match(pack.stdout, new RegExp(`${newest.rootHash} +root .* sound`));
    const none = await runCommand("inspect", "nothing", ...store);
    assert.equal(none.success, false);
    assert.match(none.stderr, /no file nothing.*a path, a blob's key/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
