import assert from "node:assert/strict";
import { openStateFolder, stateFolderPath } from "../../cli/state_folder.ts";
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
