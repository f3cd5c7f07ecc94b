import assert from "node:assert/strict";
import { openStateFolder as openFolder } from "../../cli/state/state_folder.ts";
import { runCommand } from "../guest/server.ts";
import { captureMain } from "./captured_main.ts";

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
    assert.equal(taken.results[0].exitStatus, 12);
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

Deno.test("what fails tells programs and people what and why", async () => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-commands-" });
  const store = ["--store", `file:${folder}/archive`];
  const fails = async (
    status: number,
    said: RegExp,
    ...words: string[]
  ): Promise<void> => {
    const { status: ended, text } = await captureMain([...words, ...store]);
    assert.match(text, said);
    assert.equal(ended, status, text);
  };
  try {
    await captureMain(["volume", "create", "disk", "1MiB", "--create"].concat(
      store,
    ));
    await captureMain(["snapshot", "create", "disk", "x", ...store]);
    await fails(12, /^error: .*"x"/, "snapshot", "create", "disk", "x");
    await fails(12, /^error: .*"disk"/, "volume", "create", "disk", "1MiB");
    await fails(0, /^1 root, 1 snapshot, 1 pack, 0 pointer blocks/, "check");
    const image = `${folder}/disk.img`;
    await fails(0, /1MiB of volume disk/, "export", "disk", image);
    await fails(12, /^error: .*--overwrite/, "export", "disk", image);
    // Nobody wants a folder to lose what it holds.
    await fails(2, /^error: .*neither a file/, "export", "disk", folder);
    using _folder = openStateFolder(`${folder}/archive/local`);
    await fails(11, /^error: .*stop that server.*first\n?$/, "salvage");
    await fails(11, /^error: .*stop that server.*first\n?$/, "rebuild");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** In use, as by a server. */
function openStateFolder(path: string): Disposable {
  const folder = openFolder(path, (length) => new Uint8Array(length));
  return { [Symbol.dispose]: () => folder.close() };
}

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
