import assert from "node:assert/strict";
import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { parseMirrorUrl } from "../../blobstores/mirror_plugin.ts";
import { MirrorStore } from "../../blobstores/layers/mirror.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { openStore } from "../../plugins/registry.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { ArchiveFront } from "../../cas/front/archive_front.ts";
import type { Volume } from "../../cas/front/volume.ts";
import { openArchiveHere } from "../../cli/archive_opening.ts";
import { createWasmHasher } from "../../cas/score.ts";

const BLOCKS = 256;

interface Opened {
  readonly front: ArchiveFront;
  readonly disk: Volume;
  readonly events: ArchiveEvent[];
  close(): Promise<void>;
}

async function withFolder(
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-mirror-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Serves a disk of an archive in a store; its journal is in memory. */
async function open(storeUrl: string): Promise<Opened> {
  const events: ArchiveEvent[] = [];
  const report = (event: ArchiveEvent): void => void events.push(event);
  const pool = BlockPool.allocate(4 * BLOCKS);
  const stateId = "6".repeat(32);
  const port = await openArchiveHere(
    { storeUrl, create: true, access: "serve", stateId, holder: {} },
    pool,
    report,
  );
  const front = await ArchiveFront.open({
    port,
    pool,
    disk: new SimulatedDisk({ random: Math.random }),
    stateId,
    budget: {
      journalBytesMax: 16 * 1024 * 1024,
      checkpointBytes: 4 * 1024 * 1024,
      checkpointAgeMs: 60_000,
    },
    report,
  });
  const disk = await front.openVolume({
    volume: "disk",
    createBlockCount: BLOCKS,
  });
  const close = async (): Promise<void> => {
    await front.close();
    await port.close();
  };
  return { front, disk, events, close };
}

async function fill({ disk, front }: Opened): Promise<Uint8Array> {
  const content = new Uint8Array(BLOCKS * 4096);
  for (let at = 0; at < content.length; at += 65_536) {
    crypto.getRandomValues(content.subarray(at, at + 65_536));
  }
  for (let lba = 0; lba < BLOCKS * 8; lba += 64) {
    const range = { lba, sectorCount: 64 };
    assert.ok(disk.write(range, content, lba * 512) > 0);
  }
  await front.checkpoint();
  return content;
}

async function readAll({ disk }: Opened): Promise<Uint8Array> {
  const content = new Uint8Array(BLOCKS * 4096);
  await disk.read({ lba: 0, sectorCount: BLOCKS * 8 }, content, 0);
  return content;
}

async function packPaths(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name } of Deno.readDir(`${folder}/packs`)) {
    for await (const file of Deno.readDir(`${folder}/packs/${name}`)) {
      paths.push(`${folder}/packs/${name}/${file.name}`);
    }
  }
  return paths;
}

Deno.test("an archive in a mirror is served whole while each member has other damage, and repaired", () =>
  withFolder(async (folder) => {
    const [a, b] = [`${folder}/a`, `${folder}/b`];
    const url = `mirror:file:${a} file:${b}`;
    const first = await open(url);
    const content = await fill(first);
    await first.close();
    // Every second 4 KiB of each pack is wrong in one, the others in the other.
    for (const [parity, member] of [a, b].entries()) {
      for (const path of await packPaths(member)) {
        const bytes = await Deno.readFile(path);
        // Not the directory: an index is made anew from one that verifies.
        const end = bytes.length - 64 * 1024;
        for (let at = parity * 4096; at < end; at += 8192) {
          bytes[at + 100]! ^= 1;
        }
        await Deno.writeFile(path, bytes);
      }
    }
    const second = await open(url);
    assert.deepEqual(await readAll(second), content);
    assert.ok(
      second.events.some(({ message }) =>
        /is damaged; another one is served/.test(message)
      ),
    );
    await second.close();

    const hasher = await createWasmHasher();
    const third = await openStore(url);
    assert.ok(third instanceof MirrorStore);
    const isPack = (key: string, bytes: Uint8Array): boolean =>
      !key.startsWith("packs/") ||
      key.endsWith(hasher.hash(bytes).toHex());
    const torn = await third.repair({ verify: isPack });
    assert.ok(torn.lost.length > 0);
    assert.equal(torn.replacedCount, 0);
    // One whole copy is enough for the other to be mended.
    for (const path of await packPaths(b)) {
      const bytes = await Deno.readFile(path);
      for (let at = 4096; at < bytes.length - 64 * 1024; at += 8192) {
        bytes[at + 100]! ^= 1;
      }
      await Deno.writeFile(path, bytes);
    }
    const mended = await third.repair({ verify: isPack });
    assert.equal(mended.replacedCount, torn.lost.length);
    assert.deepEqual(mended.lost, []);
    await third.close();
    const alone = await open(`file:${a}`);
    assert.deepEqual(await readAll(alone), content);
    await alone.close();
  }));

Deno.test("a member of a mirror is a whole store: alone it serves the archive", () =>
  withFolder(async (folder) => {
    const first = await open(`mirror:file:${folder}/a file:${folder}/b`);
    const content = await fill(first);
    await first.close();
    for (const member of ["a", "b"]) {
      const alone = await open(`file:${folder}/${member}`);
      assert.deepEqual(await readAll(alone), content);
      await alone.close();
    }
  }));

Deno.test("an empty place is not taken for a member, nor another archive", () =>
  withFolder(async (folder) => {
    const archive = `file:${folder}/a`;
    await (await open(archive)).close();
    await Deno.mkdir(`${folder}/b`);
    const mirror = `mirror:${archive} file:${folder}/b`;
    await assert.rejects(
      openStore(mirror),
      /it holds no archive yet, and file:.*\/a holds an archive.*is it mounted.*--create/,
    );
    const filled = await openStore(mirror, { create: true });
    assert.ok(filled instanceof MirrorStore);
    // Until then it does not tell what is not there.
    assert.deepEqual(filled.members.map((it) => it.isEmpty), [false, true]);
    await filled.close();
    await (await open(`file:${folder}/c`)).close();
    await assert.rejects(
      openStore(`mirror:${archive} file:${folder}/c`),
      /they hold different archives/,
    );
    await assert.rejects(
      openStore(`mirror:${archive} file:${folder}/missing`),
      (error) => blobErrorCode(error) === "NotFound",
    );
  }));

Deno.test("a mirror's URL names two to eight stores, none twice, no mirror", () => {
  assert.deepEqual(
    parseMirrorUrl("mirror: file:/a  s3://b/c?endpoint=https://x "),
    ["file:/a", "s3://b/c?endpoint=https://x"],
  );
  for (
    const [url, message] of [
      ["mirror:", /has 0 members.*--store 'mirror:/],
      ["mirror:file:/a", /has 1 members/],
      ["mirror:file:/a file:/a", /named twice/],
      ["mirror:file:/a mirror:file:/b", /no member of a mirror/],
    ] as const
  ) assert.throws(() => parseMirrorUrl(url), message);
});
