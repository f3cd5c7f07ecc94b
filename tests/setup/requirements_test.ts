import assert from "node:assert/strict";
import { findProgram, unmet } from "../../setup/requirements.ts";

Deno.test("a requirement is met by a program on PATH or by a file", () => {
  const absent = { debianPackage: "absent", anyOf: ["no-such-program-here"] };
  const file = new URL(import.meta.url).pathname;
  const requirements = [
    absent,
    { debianPackage: "shell", anyOf: ["no-such-program-here", "sh"] },
    { debianPackage: "library", anyOf: ["/no/such/library.so", file] },
  ];
  assert.deepEqual(unmet(requirements), [absent]);
});

Deno.test("a folder is not a program", async () => {
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH") ?? "";
  try {
    await Deno.mkdir(`${folder}/tool`);
    Deno.env.set("PATH", folder);
    assert.equal(findProgram("tool"), undefined);
    await Deno.remove(`${folder}/tool`);
    await Deno.writeTextFile(`${folder}/tool`, "");
    assert.equal(findProgram("tool"), `${folder}/tool`);
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});
