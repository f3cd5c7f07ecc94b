import assert from "node:assert/strict";
import { runCommand } from "../guest/server.ts";
import { refusalWithin } from "./commands.ts";
import { assertSame } from "../assert_same.ts";
import { assertContent, noise, readAll, writeAll } from "./disk_content.ts";
import { SERVER_INTERFACE, SystemRig, systemTest } from "./rig.ts";

const DISK_BYTES: number = 8 * 1024 * 1024;

interface Ran {
  // deno-lint-ignore no-explicit-any
  readonly result: any;
  readonly exitStatus: number | undefined;
}

/** Runs a command on a store; the last object that it printed. */
async function run(store: string, ...words: string[]): Promise<Ran> {
  const ran = await runCommand(...words, "--store", store, "--json");
  const last = ran.stdout.trimEnd().split("\n").at(-1) ?? "";
  assert.ok(last.startsWith("{"), `${words.join(" ")}: ${ran.stderr}`);
  const result = JSON.parse(last);
  return { result, exitStatus: result.exitStatus };
}

systemTest(
  "while a server runs, images go in beside it and out with the latest writes, and copies are made",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const image = `${rig.folder}/disk.img`;
    const bytes = noise(DISK_BYTES);
    await Deno.writeFile(image, bytes);
    await using server = await rig.serve(store, [`1.0=disk:${DISK_BYTES}`]);
    using client = await rig.attach("1.0");
    // Half of the image is in the archive through the disk.
    await writeAll(client.target, 0, bytes.subarray(0, DISK_BYTES / 2));
    await run(store, "snapshot", "create", "disk", "half");
    const { result: estimate } = await run(store, "estimate", image);
    assert.equal(estimate.blocksStored, DISK_BYTES / 2 / 4096);
    const { result: imported } = await run(store, "import", image, "tape");
    assert.equal(imported.blocksNew, DISK_BYTES / 2 / 4096);
    assert.equal(imported.blocksDuplicate, DISK_BYTES / 2 / 4096);
    const added = await run(store, "target", "add", "1.1=tape");
    assert.equal(added.exitStatus, undefined);
    using tape = await rig.attach("1.1");
    await assertContent(tape.target, 0, bytes);
    const again = await run(store, "import", image, "tape");
    assert.equal(again.exitStatus, 11);
    assert.match(again.result.message, /while it is in use/);
    await importOverRemovedTarget(rig, store);
    // Acknowledged, and in no pack yet.
    const latest = noise(64 * 1024);
    await writeAll(tape.target, 1024, latest);
    const out = `${rig.folder}/out.img`;
    await run(store, "export", "tape", out);
    bytes.set(latest, 1024 * 512);
    assertSame(await Deno.readFile(out), bytes);
    await writeAll(tape.target, 2048, latest);
    bytes.set(latest, 2048 * 512);
    const to = `file:${rig.folder}/copy`;
    const { result: copied } = await run(store, "copy", "--to", to, "--create");
    assert.equal(copied.volumeCount, 3);
    await run(to, "export", "tape", `${rig.folder}/copied.img`);
    assertSame(await Deno.readFile(`${rig.folder}/copied.img`), bytes);
    assertSame(await readAll(tape.target, 0, DISK_BYTES), bytes);
    const here = await run(store, "volume", "list");
    const there = await run(to, "volume", "list");
    assert.equal(there.result.rootHash, here.result.rootHash);
    const held = await run(to, "copy", "--to", store);
    assert.equal(held.exitStatus, 11);
    await server.end("SIGTERM");
    const after = await run(store, "import", image, "tape");
    assert.equal(after.exitStatus, undefined);
    const { result: checked } = await run(store, "check");
    assert.deepEqual(checked.faults, []);
  },
);

/** A volume whose target was removed takes an image, and is served with it again. */
async function importOverRemovedTarget(
  rig: SystemRig,
  store: string,
): Promise<void> {
  const old = noise(DISK_BYTES);
  const next = noise(DISK_BYTES / 2);
  await Deno.writeFile(`${rig.folder}/old.img`, old);
  await Deno.writeFile(`${rig.folder}/next.img`, next);
  await run(store, "import", `${rig.folder}/old.img`, "swap");
  await run(store, "target", "add", "1.2=swap");
  {
    using swap = await rig.attach("1.2");
    await assertContent(swap.target, 0, old);
    await writeAll(swap.target, 0, old.subarray(4096, 8192));
  }
  await run(store, "target", "remove", "1.2");
  const imported = await run(store, "import", `${rig.folder}/next.img`, "swap");
  assert.equal(imported.exitStatus, undefined, imported.result.message);
  await run(store, "target", "add", "1.2=swap");
  {
    using swap = await rig.attach("1.2");
    await assertContent(swap.target, 0, next);
    const behind = new Uint8Array(DISK_BYTES - next.length);
    await assertContent(swap.target, next.length / 512, behind);
  }
  await run(store, "target", "remove", "1.2");
}

systemTest(
  "an import brings the journal of a killed server into the archive first",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const written = noise(64 * 1024);
    {
      await using server = await rig.serve(store, [`1.0=disk:${DISK_BYTES}`]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, written);
      await server.end("SIGKILL");
    }
    const image = `${rig.folder}/disk.img`;
    const bytes = noise(DISK_BYTES);
    await Deno.writeFile(image, bytes);
    const { result: imported } = await run(store, "import", image, "disk");
    const { result: before } = await run(
      store,
      ...["inspect", `root:${imported.rootHash}`],
    );
    const previous = `root:${before.fields["previous root"]}`;
    await run(store, "export", previous, `${rig.folder}/old.img`);
    const old = await Deno.readFile(`${rig.folder}/old.img`);
    assertSame(old.subarray(0, written.length), written);
    await run(store, "export", "disk", `${rig.folder}/new.img`);
    assertSame(await Deno.readFile(`${rig.folder}/new.img`), bytes);
  },
);

systemTest(
  "a server makes snapshots by the clock, keeps the newest names, and says so",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const schedule = ["--create", "--schedule", "disk=1s,keep=2"];
    const target = `1.0=disk:${DISK_BYTES}`;
    const names = async (...words: string[]): Promise<string[]> => {
      const list = ["snapshot", "list", "disk", ...words, "--store", store];
      const { stdout } = await runCommand(...list, "--json");
      return stdout.split("\n").filter((line) => line !== "")
        .map((line) => JSON.parse(line).name);
    };
    {
      await using server = await rig.serve(store, [target], schedule);
      await server.waitFor("snapshot-scheduled", 4);
      const { result: status } = await run(store, "status");
      const [found] = status.schedules;
      assert.deepEqual([found.volume, found.every, found.keep], [
        "disk",
        "1s",
        2,
      ]);
      assert.match(found.last, /^auto-1s-\d{8}t\d{6}z$/);
      await server.end("SIGTERM");
    }
    const refused = await refusalWithin(
      rig.namespace,
      ...["serve", "--interface", SERVER_INTERFACE, "--store", store],
      ...["--target", "1.0=disk", "--schedule", "dsik=1s"],
    );
    assert.equal(refused.exitStatus, 10);
    assert.match(refused.message, /did you mean disk\?/);
    const listed = await names();
    assert.equal(listed.length, 2);
    const retired = await names("--retired");
    assert.ok(retired.length >= 2, `${retired.length} are off the list`);
    const { result: state } = await run(
      store,
      ...["export", `disk@${retired[0]}`, `${rig.folder}/old.img`],
    );
    assert.equal(state.byteCount, DISK_BYTES);
  },
);
