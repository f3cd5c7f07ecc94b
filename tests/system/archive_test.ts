import assert from "node:assert/strict";
import { AtaError } from "../../aoe/initiator/errors.ts";
import { runCommand } from "../guest/server.ts";
import {
  assertContent,
  filesBelow,
  folderBytes,
  noise,
  prose,
  seeded,
  unreadableBlocks,
  writeAll,
} from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

const MEBIBYTE: number = 1024 * 1024;

/** Serves, writes, and stops cleanly: everything is in the packs then. */
async function store(
  rig: SystemRig,
  url: string,
  target: string,
  writes: readonly { readonly lba: number; readonly bytes: Uint8Array }[],
): Promise<void> {
  await using server = await rig.serve(url, [target]);
  using client = await rig.attach("1.0");
  for (const { lba, bytes } of writes) {
    await writeAll(client.target, lba, bytes);
  }
  const status = await server.end("SIGTERM");
  assert.equal(status.code, 0, server.log());
}

systemTest(
  "equal blocks are stored once, zeros not at all, and text compressed",
  async () => {
    await using rig = await SystemRig.create(9000);
    const url = `file:${rig.folder}/archive`;
    const packs = `${rig.folder}/archive/packs`;
    const bytes = noise(64 * MEBIBYTE);
    const sectors = bytes.length / 512;
    await store(rig, url, "1.0=first:1GiB", [{ lba: 0, bytes }]);
    const once = await folderBytes(packs);
    assert.ok(once >= bytes.length, `${once} bytes hold all of the noise`);

    await store(rig, url, "1.0=first", [
      { lba: 2 * sectors, bytes },
      { lba: 4 * sectors + 8, bytes },
    ]);
    await store(rig, url, "1.0=second:128MiB", [{ lba: 0, bytes }]);
    const four = await folderBytes(packs);
    assert.ok(four - once < bytes.length / 100, `grew by ${four - once} bytes`);

    const zeros = new Uint8Array(16 * MEBIBYTE);
    await store(rig, url, "1.0=zeros:1GiB", [{ lba: 0, bytes: zeros }]);
    const withZeros = await folderBytes(packs);
    assert.ok(withZeros - four < 4096, `zeros took ${withZeros - four} bytes`);

    const text = prose(16 * MEBIBYTE, seeded(1));
    await store(rig, url, "1.0=text:1GiB", [{ lba: 0, bytes: text }]);
    const forText = await folderBytes(packs) - withZeros;
    assert.ok(forText < text.length * 0.75, `text took ${forText} bytes`);

    await using _server = await rig.serve(url, ["1.0=first", "1.1=second"], []);
    using first = await rig.attach("1.0");
    using second = await rig.attach("1.1");
    await assertContent(first.target, 4 * sectors + 8, bytes);
    await assertContent(second.target, 0, bytes);
  },
);

systemTest(
  "a flipped byte in a pack makes exactly its blocks unreadable, and says which",
  async () => {
    await using rig = await SystemRig.create(9000);
    const url = `file:${rig.folder}/archive`;
    const bytes = noise(24 * MEBIBYTE);
    await store(rig, url, `1.0=disk:${bytes.length}`, [{ lba: 0, bytes }]);
    const packs = await filesBelow(`${rig.folder}/archive/packs`);
    assert.ok(packs.length >= 2);
    const damaged: string[] = [];
    for (const path of packs) {
      const pack = await Deno.readFile(path);
      if (pack.length < MEBIBYTE) continue;
      pack[Math.floor(pack.length / 2)]! ^= 1;
      await Deno.chmod(path, 0o644);
      await Deno.writeFile(path, pack);
      damaged.push(path.split("/").at(-1)!);
    }

    await using server = await rig.serve(url, ["1.0=disk"], []);
    using client = await rig.attach("1.0");
    const failed = await unreadableBlocks(client.target, bytes);
    assert.equal(failed.length, damaged.length);
    const reports = server.events.filter((it) => it.event === "block-damaged");
    assert.deepEqual(
      new Set(reports.map((it) => it["pack"])),
      new Set(damaged),
    );
    for (const report of reports) {
      assert.match(String(report["score"]), /^[0-9a-f]{64}$/);
      assert.equal(report["severity"], "corrupt");
    }
    for (const block of failed) {
      const sectors = `${block * 8}`;
      assert.ok(
        reports.some((it) => JSON.stringify(it).includes(sectors)),
        `no report names sector ${sectors}: ${JSON.stringify(reports)}`,
      );
    }

    // A part of a damaged block cannot be folded, and is not lost either.
    const block = failed[0]!;
    const sector = noise(512);
    await client.target.write(block * 8 + 3, sector);
    await server.end("SIGTERM");
    await using again = await rig.serve(url, ["1.0=disk"], []);
    using reader = await rig.attach("1.0");
    await assertContent(reader.target, block * 8 + 3, sector);
    await assert.rejects(
      reader.target.read({ lba: block * 8, sectorCount: 1 }),
      (error) => error instanceof AtaError,
    );

    // Writing the same content again heals it.
    for (const block of failed) {
      const at = block * 4096;
      await reader.target.write(block * 8, bytes.subarray(at, at + 4096));
    }
    await again.end("SIGTERM");
    await using _healed = await rig.serve(url, ["1.0=disk"], []);
    using healed = await rig.attach("1.0");
    await assertContent(healed.target, 0, bytes);
  },
);

systemTest(
  "a root hash and a copy of the blobs are enough to serve that state elsewhere",
  async () => {
    await using rig = await SystemRig.create(1500);
    const url = `file:${rig.folder}/archive`;
    const bytes = noise(MEBIBYTE);
    await store(rig, url, "1.0=disk:1GiB", [{ lba: 77, bytes }]);
    const made = await runCommand(
      ...["snapshot", "create", "disk", "then", "--store", url],
    );
    assert.ok(made.success, made.stderr);
    await store(rig, url, "1.0=disk", [{ lba: 0, bytes: noise(MEBIBYTE) }]);
    const listed = await runCommand("snapshot", "list", "--store", url);
    const hash = /[0-9a-f]{64}/.exec(listed.stdout)?.[0];
    assert.ok(hash !== undefined, listed.stdout + listed.stderr);

    const from = `${rig.folder}/archive`;
    const to = `${rig.folder}/elsewhere`;
    for (const file of await filesBelow(from)) {
      const name = file.slice(from.length);
      if (name.startsWith("/local/")) continue;
      await Deno.mkdir(`${to}${name}`.replace(/\/[^/]*$/, ""), {
        recursive: true,
      });
      await Deno.copyFile(file, `${to}${name}`);
    }
    await using _server = await rig.serve(
      `file:${to}`,
      [`1.0=root:${hash}`, "1.1=disk@then"],
      [],
    );
    for (const address of ["1.0", "1.1"]) {
      using client = await rig.attach(address);
      await assertContent(client.target, 77, bytes);
      await assertContent(client.target, 0, new Uint8Array(77 * 512));
      const identity = await client.target.identify();
      assert.equal(identity.sectorCount, 2 ** 30 / 512);
    }
  },
);

systemTest(
  "a second server on an archive is refused and told of the first, whose death frees it",
  async () => {
    await using rig = await SystemRig.create(1500);
    const url = `file:${rig.folder}/archive`;
    const bytes = noise(65_536);
    await using first = await rig.serve(url, ["1.0=disk:1GiB"]);
    {
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, bytes);
    }
    for (const state of [[], ["--state", `${rig.folder}/other`]]) {
      const second = await runCommand(
        ...["serve", "--interface", "lo", "--store", url],
        ...["--target", "1.0=disk", ...state],
      );
      assert.equal(second.success, false);
      assert.match(second.stderr, /held by/);
      assert.match(second.stderr, new RegExp(`pid ${first.pid}\\b`));
    }
    await first.end("SIGKILL");
    await using _second = await rig.serve(url, ["1.0=disk"], []);
    using client = await rig.attach("1.0");
    await assertContent(client.target, 0, bytes);
  },
);

systemTest(
  "a mistyped store or volume is refused with the fix, and nothing is made",
  async () => {
    await using rig = await SystemRig.create(1500);
    const path = `${rig.folder}/archive`;
    const serve = (...args: string[]): ReturnType<typeof runCommand> =>
      runCommand(
        ...["serve", "--interface", "lo", "--store", `file:${path}`, ...args],
      );
    const noArchive = await serve("--target", "1.0=disk:1GiB");
    assert.equal(noArchive.success, false);
    assert.match(noArchive.stderr, /--create/);
    assert.deepEqual(await filesBelow(rig.folder), []);

    await store(rig, `file:${path}`, "1.0=disk:1GiB", []);
    const noVolume = await serve("--target", "1.0=dist:1GiB");
    assert.equal(noVolume.success, false);
    assert.match(noVolume.stderr, /dist/);
    assert.match(noVolume.stderr, /--create/);
    const noSnapshot = await serve("--target", "1.0=disk@never");
    assert.equal(noSnapshot.success, false);
    assert.match(noSnapshot.stderr, /never/);
    const otherSize = await serve("--target", "1.0=disk:2GiB", "--create");
    assert.equal(otherSize.success, false);
    assert.match(otherSize.stderr, /1GiB|1073741824/);
  },
);
