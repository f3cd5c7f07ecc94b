import assert from "node:assert/strict";
import { runCommand } from "../guest/server.ts";

/** Runs commands on an archive in a folder of its own. */
async function withArchive(
  body: (run: (...words: string[]) => Promise<Ran>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-commands-" });
  const store = `file:${folder}/archive`;
  try {
    await body(async (...words) => {
      const ran = await runCommand(...words, "--store", store, "--json");
      const lines = ran.stdout.split("\n").filter((line) => line !== "");
      return {
        success: ran.success,
        results: lines.map((line) => JSON.parse(line)),
      };
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Ran {
  readonly success: boolean;
  // deno-lint-ignore no-explicit-any
  readonly results: any[];
}

Deno.test("without a server, volumes are made, cloned, grown, renamed, retired and brought back", async () => {
  await withArchive(async (run) => {
    const missing = await run("volume", "create", "disk", "1MiB");
    assert.equal(missing.success, false);
    assert.equal(missing.results[0].exitStatus, 10);
    const made = await run("volume", "create", "disk", "1MiB", "--create");
    assert.equal(made.results[0].blockCount, 256);
    const clone = await run("clone", "disk", "copy");
    assert.equal(clone.results[0].parentHash, made.results[0].rootHash);
    const grown = await run("volume", "grow", "copy", "2MiB");
    assert.equal(grown.results[0].blockCount, 512);
    const renamed = await run("volume", "rename", "copy", "tape");
    assert.equal(renamed.results[0].volume, "tape");
    const retired = await run("volume", "retire", "tape");
    assert.equal(retired.results[0].retired, true);
    const names = async (...words: string[]): Promise<string> =>
      (await run("volume", "list", ...words)).results
        .map(({ volume }) => volume).join();
    assert.equal(await names(), "disk");
    assert.equal(await names("--retired"), "tape");
    const taken = await run("volume", "unretire", "tape", "disk");
    assert.equal(taken.success, false);
    assert.match(taken.results[0].message, /another name/);
    await run("volume", "unretire", "tape", "back");
    assert.equal(await names(), "back,disk");
  });
});

Deno.test("without a server, a state is found by time, named, compared and restored", async () => {
  await withArchive(async (run) => {
    await run("volume", "create", "disk", "1MiB", "--create");
    await run("volume", "grow", "disk", "2MiB");
    const { results: history } = await run("history", "disk");
    assert.deepEqual(history.map(({ sequence }) => sequence), [1, 0]);
    assert.deepEqual(
      (await run("history", "disk", "--limit", "1")).results,
      history.slice(0, 1),
    );
    const first = new Date(history[1].timeMs).toISOString();
    const snapshot = await run(
      "snapshot",
      "create",
      "disk",
      "x",
      "--at",
      first,
    );
    assert.equal(snapshot.results[0].rootHash, history[1].rootHash);
    const diff = await run("diff", `disk@${first}`, "disk");
    assert.equal(diff.results.length, 1);
    assert.equal(diff.results[0].sectorCount, 0);
    assert.equal(diff.results[0].from.blockCount, 256);
    assert.equal(diff.results[0].to.blockCount, 512);
    const restored = await run("restore", "disk", "x");
    assert.equal(restored.results[0].blockCount, 256);
    assert.equal(restored.results[0].parentHash, history[1].rootHash);
    const after = await run("history", "disk");
    assert.deepEqual(after.results.slice(1), history);
    const early = await run("restore", "disk", "2001-01-01T00:00:00Z");
    assert.equal(early.results[0].exitStatus, 10);
  });
});

Deno.test("without a server, stats and check tell what an archive has", async () => {
  await withArchive(async (run) => {
    await run("volume", "create", "disk", "1MiB", "--create");
    await run("snapshot", "create", "disk", "x");
    const { success, results: [stats] } = await run("stats");
    assert.equal(success, true);
    assert.deepEqual(
      stats.states.map(({ snapshot }: { snapshot?: string }) => snapshot),
      [undefined, "x"],
    );
    assert.equal(stats.total.blockCount, 0);
    assert.equal(stats.packCount, 1);
    const checked = await run("check");
    assert.equal(checked.success, true);
    assert.equal(checked.results[0].rootCount, 1);
  });
});
