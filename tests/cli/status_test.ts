import assert from "node:assert/strict";
import { captureMain } from "./captured_main.ts";
import { describeLag } from "../../cli/verbs/status.ts";

Deno.test("status says that the store has everything, or by how much it is behind", () => {
  const even = {
    unarchivedBytes: 0,
    lagSeconds: 0,
    maxLagSeconds: 10,
    behind: false,
  };
  assert.equal(
    describeLag(even),
    "has all that was acknowledged (at most 10 s wanted)",
  );
  const late = { ...even, unarchivedBytes: 8192, lagSeconds: 61.23 };
  assert.equal(
    describeLag(late),
    "8KiB and 61.2 s behind what was acknowledged (at most 10 s wanted)",
  );
  assert.match(describeLag({ ...late, behind: true }), /: BEHIND$/);
});

Deno.test("that no server runs is no wrong usage", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { status, text } = await captureMain(
      ["status", "--store", `file:${folder}`],
    );
    assert.equal(status, 10, text);
    assert.match(text, /No server answers.*start one with serve/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
