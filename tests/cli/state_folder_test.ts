import assert from "node:assert/strict";
import {
  openStateFolder,
  stateFolderPath,
} from "../../cli/state/state_folder.ts";
import { UsageError } from "../../cli/usage_error.ts";

const random = (length: number): Uint8Array =>
  crypto.getRandomValues(new Uint8Array(length));

Deno.test("stateFolderPath() puts state into a file store, and asks for a place elsewhere", () => {
  assert.equal(stateFolderPath("/a", "file:/a", undefined), "/a/local");
  assert.equal(stateFolderPath("/a", "file:/a", "/b"), "/b");
  assert.equal(stateFolderPath(undefined, "memory:", undefined), undefined);
  assert.throws(
    () => stateFolderPath(undefined, "s3://bucket", undefined),
    (error) => error instanceof UsageError && /--state/.test(error.message),
  );
});

Deno.test("a state folder keeps its id, its archive, and one user", async () => {
  const parent = await Deno.makeTempDir();
  const path = `${parent}/local`;
  const first = openStateFolder(path, random);
  assert.match(first.stateId, /^[0-9a-f]{32}$/);
  assert.throws(() => openStateFolder(path, random), /in use/);
  first.bind("aa");
  first.bind("aa");
  assert.throws(() => first.bind("bb"), /belongs to archive aa/);
  first.close();
  const second = openStateFolder(path, random);
  assert.equal(second.stateId, first.stateId);
  assert.throws(() => second.bind("bb"), /belongs to archive aa/);
  second.close();
  await Deno.remove(parent, { recursive: true });
});

Deno.test("a damaged state.json is refused, not replaced", async () => {
  const path = await Deno.makeTempDir();
  for (const text of ["{}", "", "null"]) {
    await Deno.writeTextFile(`${path}/state.json`, text);
    assert.throws(() => openStateFolder(path, random), /has no state id/);
    assert.equal(await Deno.readTextFile(`${path}/state.json`), text);
  }
  await Deno.remove(path, { recursive: true });
});

Deno.test("a salvage that was cut off behind its commit is completed when the folder is opened", async () => {
  for (const isMoved of [false, true]) {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${folder}/journal.salvaged`);
      await Deno.writeTextFile(`${folder}/journal.salvaged/kept`, "new");
      if (!isMoved) {
        await Deno.mkdir(`${folder}/journal`);
        await Deno.writeTextFile(`${folder}/journal/damaged`, "old");
      }
      openStateFolder(folder, (length) => new Uint8Array(length)).close();
      assert.equal(await Deno.readTextFile(`${folder}/journal/kept`), "new");
      const moved = [...Deno.readDirSync(folder)]
        .filter(({ name }) => name.startsWith("journal.damaged-"));
      assert.equal(moved.length, isMoved ? 0 : 1);
      for (const { name } of moved) {
        const old = await Deno.readTextFile(`${folder}/${name}/damaged`);
        assert.equal(old, "old");
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
});

Deno.test("a salvage that was cut off before its commit counts for nothing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/journal.salvaging`);
    await Deno.mkdir(`${folder}/journal`);
    await Deno.writeTextFile(`${folder}/journal/damaged`, "old");
    openStateFolder(folder, (length) => new Uint8Array(length)).close();
    assert.equal(await Deno.readTextFile(`${folder}/journal/damaged`), "old");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
