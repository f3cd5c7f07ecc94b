import assert from "node:assert/strict";
import { runCommand } from "../guest/server.ts";
import { assertContent, filesBelow, noise, writeAll } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

const MEBIBYTE: number = 1024 * 1024;

systemTest(
  "SIGTERM and SIGINT fold the journal into the archive and leave with status 0",
  async () => {
    await using rig = await SystemRig.create(9000);
    const url = `file:${rig.folder}/archive`;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await using server = await rig.serve(url, ["1.0=disk:64MiB"]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, noise(MEBIBYTE));
      const status = await server.end(signal);
      assert.equal(status.code, 0, server.log());
      const files = await filesBelow(`${rig.folder}/archive/local/journal`);
      // A spare file, to write the next journal over, holds nothing of this one.
      assert.deepEqual(files.filter((path) => !path.endsWith("/spare")), []);
    }
  },
);

systemTest("a second signal leaves at once and loses nothing", async () => {
  await using rig = await SystemRig.create(9000);
  const url = `file:${rig.folder}/archive`;
  const bytes = noise(16 * MEBIBYTE);
  {
    await using server = await rig.serve(url, ["1.0=disk:64MiB"]);
    using client = await rig.attach("1.0");
    await writeAll(client.target, 0, bytes);
    Deno.kill(server.pid, "SIGTERM");
    await server.waitFor("stopping");
    const status = await server.end("SIGINT");
    assert.equal(status.code, 130, server.log());
  }
  await using _server = await rig.serve(url, ["1.0=disk"], []);
  using client = await rig.attach("1.0");
  await assertContent(client.target, 0, bytes);
});

systemTest(
  "of the state folder the journal alone must not be lost",
  async () => {
    await using rig = await SystemRig.create(9000);
    const url = `file:${rig.folder}/archive`;
    const local = `${rig.folder}/archive/local`;
    const bytes = noise(8 * MEBIBYTE);
    {
      await using server = await rig.serve(url, ["1.0=disk:64MiB"]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, bytes);
      await server.end("SIGTERM");
      await using again = await rig.serve(url, ["1.0=disk"], []);
      using writer = await rig.attach("1.0");
      await writeAll(writer.target, 0, bytes.subarray(MEBIBYTE));
      await again.end("SIGKILL");
    }
    for await (const { name } of Deno.readDir(local)) {
      if (name === "journal") continue;
      await Deno.remove(`${local}/${name}`, { recursive: true });
    }
    await using _server = await rig.serve(url, ["1.0=disk"], []);
    using client = await rig.attach("1.0");
    await assertContent(client.target, 0, bytes.subarray(MEBIBYTE));
    await assertContent(
      client.target,
      (bytes.length - MEBIBYTE) / 512,
      bytes.subarray(bytes.length - MEBIBYTE),
    );
  },
);

systemTest(
  "commands find the running server by the store alone, wherever its state is",
  async () => {
    await using rig = await SystemRig.create(1500);
    const url = `file:${rig.folder}/archive`;
    const state = `${rig.folder}/${"state-in-a-deep-folder/".repeat(6)}end`;
    await using _server = await rig.serve(url, ["1.0=disk:64MiB"], [
      ...["--create", "--state", state],
    ]);
    using client = await rig.attach("1.0");
    const bytes = noise(65_536);
    await writeAll(client.target, 0, bytes);
    for (const name of ["first", "second"]) {
      const made = await runCommand(
        ...["snapshot", "create", "disk", name, "--store", url],
      );
      assert.ok(made.success, made.stderr);
    }
    const taken = await runCommand(
      ...["snapshot", "create", "disk", "first", "--store", url],
    );
    assert.equal(taken.success, false);
    assert.match(taken.stderr, /first/);
    const listed = await runCommand(
      ...["snapshot", "list", "--store", url, "--json"],
    );
    const names = listed.stdout.trim().split("\n").map((line) =>
      JSON.parse(line).name
    );
    assert.deepEqual(names, ["first", "second"]);
  },
);
