/** What docs/format.md promises: archives can be read and verified without this software. */

import assert from "node:assert/strict";
import { TEST_REQUIREMENTS } from "../../setup/requirements.ts";
import { run, type RunResult } from "../../setup/run.ts";
import { IndependentReader } from "../format/independent_reader.ts";
import { runCommand } from "../guest/server.ts";
import { assertSame } from "../assert_same.ts";
import {
  filesBelow,
  noise,
  prose,
  readAll,
  seeded,
  writeAll,
} from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

/** Three levels of pointer blocks. */
const DISK_BYTES: number = 80 * 1024 * 1024;
const PART_BYTES: number = 512 * 1024;

/** All that is not zeros, and some around it: first sector and bytes. */
const WRITTEN: readonly (readonly [number, number])[] = [
  [0, 2 * PART_BYTES],
  [89_000, 3 * PART_BYTES],
  [162_000, DISK_BYTES - 162_000 * 512],
];

const FORMAT_PAGE: URL = new URL("../../docs/format.md", import.meta.url);

systemTest(
  "a reader written from docs/format.md alone restores what the server serves",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    {
      await using server = await rig.serve(store, [`1.0=disk:${DISK_BYTES}`]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, noise(PART_BYTES));
      await writeAll(client.target, 90_000, prose(PART_BYTES, seeded(7)));
      const taken = await runCommand(
        ...["snapshot", "create", "disk", "then", "--store", store],
      );
      assert.ok(taken.success, taken.stderr);
      await writeAll(client.target, 64, new Uint8Array(PART_BYTES / 2));
      await writeAll(client.target, 163_000, prose(65_536, seeded(8)));
      await server.end("SIGTERM");
    }
    const targets = ["1.0=disk", "1.1=disk@then"];
    await using _server = await rig.serve(store, targets, []);
    const reader = new IndependentReader(`${rig.folder}/archive`);
    for (
      const [address, restored] of [
        ["1.0", reader.restoreVolume("disk")],
        ["1.1", reader.restoreSnapshot("disk", "then")],
      ] as const
    ) {
      using client = await rig.attach(address);
      assert.equal(restored.length, DISK_BYTES);
      let end = 0;
      for (const [lba, length] of WRITTEN) {
        const at = lba * 512;
        const found = await readAll(client.target, lba, length);
        assertSame(restored.subarray(at, at + length), found);
        assert.ok(restored.subarray(end, at).every((byte) => byte === 0));
        end = at + length;
      }
      assert.equal(end, DISK_BYTES);
    }
  },
);

systemTest(
  "b3sum, as docs/format.md calls it, verifies the packs and finds a flipped bit",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    {
      await using server = await rig.serve(store, ["1.0=disk:32MiB"]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, noise(PART_BYTES));
      await server.end("SIGTERM");
    }
    const command = /```sh\n(find packs[^`]*)```/.exec(
      await Deno.readTextFile(FORMAT_PAGE),
    )?.[1];
    assert.ok(command !== undefined);
    const verify = (): Promise<RunResult> =>
      run("sh", ["-c", `cd ${rig.folder}/archive && ${command}`]);
    const sound = await verify();
    assert.equal(sound.stdout, "");
    assert.ok(sound.success, sound.stderr);
    const [path] = await filesBelow(`${rig.folder}/archive/packs`) as [string];
    const pack = await Deno.readFile(path);
    pack[100]! ^= 1;
    await Deno.chmod(path, 0o644);
    await Deno.writeFile(path, pack);
    const damaged = await verify();
    assert.equal(damaged.success, false);
    const key = path.slice(path.indexOf("packs/"));
    assert.equal(damaged.stdout, `DAMAGED ${key}\n`);
  },
  TEST_REQUIREMENTS.filter((it) => it.debianPackage === "b3sum"),
);
