import assert from "node:assert/strict";
import { runCommand } from "../guest/server.ts";
import { assertContent, noise, writeAll } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

const DISK_BYTES: number = 2 * 1024 * 1024;
const PART_BYTES: number = 256 * 1024;

/** Runs a command on a store; its results. */
async function results(
  store: string,
  ...words: string[]
  // deno-lint-ignore no-explicit-any
): Promise<any[]> {
  const ran = await runCommand(...words, "--store", store, "--json");
  assert.ok(ran.success, `${words.join(" ")}: ${ran.stdout}${ran.stderr}`);
  return ran.stdout.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

systemTest(
  "while a disk is served, its past is listed, compared, cloned, and served beside it",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const first = noise(PART_BYTES);
    const second = noise(PART_BYTES);
    let then = "";
    {
      await using server = await rig.serve(store, [`1.0=disk:${DISK_BYTES}`]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, first);
      const [newest] = await results(store, "history", "disk");
      assert.equal(newest.blocksWritten, PART_BYTES / 4096);
      assert.equal(newest.blocksNew, PART_BYTES / 4096);
      then = new Date(newest.timeMs).toISOString();
      await results(store, "clone", "disk", "copy");
      await writeAll(client.target, 1024, second);
      const diff = await results(store, "diff", `disk@${then}`, "disk");
      assert.deepEqual(diff.slice(0, -1), [
        { lba: 1024, sectorCount: PART_BYTES / 512 },
      ]);
      const [{ total, packBytes }] = await results(store, "stats");
      assert.equal(total.uniqueCount, 2 * PART_BYTES / 4096);
      assert.equal(total.blockCount, 3 * PART_BYTES / 4096);
      // Noise does not compress.
      assert.equal(total.storedBytes, 2 * PART_BYTES);
      assert.ok(packBytes > total.storedBytes);
      const [check] = await results(store, "check");
      assert.deepEqual(check.faults, []);
      await results(store, "snapshot", "create", "disk", "x", "--at", then);
      for (
        const words of [["restore", "disk", "x"], ["volume", "retire", "disk"]]
      ) {
        const refused = await runCommand(...words, "--store", store);
        assert.equal(refused.success, false);
        assert.match(refused.stderr, /while it is in use: stop the server/);
      }
      await results(store, "volume", "rename", "copy", "tape");
      await server.end("SIGTERM");
    }
    await using _server = await rig.serve(store, [
      "1.0=disk",
      `1.1=disk@${then}`,
      "1.2=tape",
      "1.3=disk@x",
    ], []);
    for (const address of ["1.1", "1.2", "1.3"]) {
      using client = await rig.attach(address);
      await assertContent(client.target, 0, first);
      await assertContent(client.target, 1024, new Uint8Array(PART_BYTES));
    }
    using client = await rig.attach("1.0");
    await assertContent(client.target, 1024, second);
  },
);

systemTest(
  "after a server was killed, a restore keeps the writes of its journal in the history",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const before = noise(PART_BYTES);
    const after = noise(PART_BYTES);
    {
      await using server = await rig.serve(store, [`1.0=disk:${DISK_BYTES}`]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, before);
      await results(store, "snapshot", "create", "disk", "good");
      await writeAll(client.target, 0, after);
      await server.end("SIGKILL");
    }
    await results(store, "restore", "disk", "good");
    const [check] = await results(store, "check");
    assert.equal(check.faultCount, 0);
    assert.ok(check.packCount > 0);
    const [restored, bad] = await results(store, "history", "disk");
    assert.equal(bad.blocksWritten, PART_BYTES / 4096);
    const hash = bad.rootHash;
    await using _server = await rig.serve(store, [
      "1.0=disk",
      `1.1=root:${hash}`,
      `1.2=root:${restored.parentHash}`,
    ], []);
    for (
      const [address, bytes] of [["1.0", before], ["1.1", after], [
        "1.2",
        before,
      ]] as const
    ) {
      using client = await rig.attach(address);
      await assertContent(client.target, 0, bytes);
    }
  },
);
