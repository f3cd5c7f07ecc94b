import assert from "node:assert/strict";
import { run } from "../../setup/run.ts";

const MODULE: URL = new URL("../../setup/side_by_side.ts", import.meta.url);

/** Runs two shell scripts side by side in a process of their own. */
function sideBySide(
  shown: string,
  held: string,
  cwd: string,
): ReturnType<typeof run> {
  const options = {
    shown: ["sh", "-c", shown],
    held: ["sh", "-c", held],
    heldName: "the other",
    cwd,
  };
  const script = `import { runSideBySide } from ${JSON.stringify(MODULE)};
    Deno.exit(await runSideBySide(${JSON.stringify(options)}));`;
  return run(Deno.execPath(), ["eval", "--no-check", script]);
}

Deno.test("two programs run at a time, and what they print stays apart", async () => {
  const cwd = await Deno.makeTempDir();
  try {
    // Each waits for what the other does, so that neither runs alone.
    const result = await sideBySide(
      "echo shown 1; until [ -e held ]; do sleep 0.01; done; echo shown 2; touch shown",
      "echo held 1; touch held; until [ -e shown ]; do sleep 0.01; done; echo held 2 >&2; echo held 3",
      cwd,
    );
    assert.deepEqual(
      result.stdout.split("\n").slice(0, 3),
      ["shown 1", "shown 2", "held 1"],
    );
    assert.match(result.stdout, /held 2\n/);
    assert.match(result.stdout, /held 3\n/);
    assert.equal(result.stderr, "Run at the same time: the other\n");
    assert.ok(result.success);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("one that fails makes both fail, and ends neither", async () => {
  for (
    const [shown, held] of [["exit 3", "echo end"], ["echo end", "exit 3"]]
  ) {
    const result = await sideBySide(shown!, `sleep 0.1; ${held}`, "/");
    assert.equal(result.success, false);
    assert.equal(result.stdout, "end\n");
  }
});
