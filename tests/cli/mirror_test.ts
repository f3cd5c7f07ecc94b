import assert from "node:assert/strict";
import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { parseMirrorUrl } from "../../blobstores/mirror_plugin.ts";
import { MirrorStore } from "../../blobstores/layers/mirror.ts";
import { openStore } from "../../plugins/registry.ts";
import { createWasmHasher } from "../../cas/score.ts";
import { assertSame } from "../assert_same.ts";
import { withFolder } from "../temporary_folder.ts";
import { fill, openDisk, type OpenedDisk, readAll } from "./opened_disk.ts";

function open(storeUrl: string): Promise<OpenedDisk> {
  return openDisk({ storeUrl });
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
    assertSame(await readAll(second), content);
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
    assert.equal(torn.replaced.length, 0);
    // One whole copy is enough for the other to be mended.
    for (const path of await packPaths(b)) {
      const bytes = await Deno.readFile(path);
      for (let at = 4096; at < bytes.length - 64 * 1024; at += 8192) {
        bytes[at + 100]! ^= 1;
      }
      await Deno.writeFile(path, bytes);
    }
    const mended = await third.repair({ verify: isPack });
    assert.equal(mended.replaced.length, torn.lost.length);
    assert.deepEqual(mended.lost, []);
    await third.close();
    const alone = await open(`file:${a}`);
    assertSame(await readAll(alone), content);
    await alone.close();
  }));

Deno.test("a member of a mirror is a whole store: alone it serves the archive", () =>
  withFolder(async (folder) => {
    const first = await open(`mirror:file:${folder}/a file:${folder}/b`);
    const content = await fill(first);
    await first.close();
    for (const member of ["a", "b"]) {
      const alone = await open(`file:${folder}/${member}`);
      assertSame(await readAll(alone), content);
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
      ["mirror:file:/a", /has 1 member\./],
      ["mirror:file:/a file:/a", /named twice/],
      ["mirror:file:/a mirror:file:/b", /no member of a mirror/],
    ] as const
  ) assert.throws(() => parseMirrorUrl(url), message);
});
