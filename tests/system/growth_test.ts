import assert from "node:assert/strict";
import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { AtaError } from "../../aoe/initiator/errors.ts";
import type { TargetDescription } from "../../cli/serving/served_targets.ts";
import { resultsWithin, spawnServer } from "./commands.ts";
import { assertSame } from "../assert_same.ts";
import { noise, readAll, writeAll } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

const MEBIBYTE: number = 1024 * 1024;

systemTest(
  "a volume grows while it is served, and what is written there stays",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const before = noise(MEBIBYTE);
    const after = noise(2 * MEBIBYTE);
    // Another depth of the tree: 128 blocks fit one pointer block.
    const grownBytes = 64 * MEBIBYTE;
    const tail = grownBytes / SECTOR_SIZE - after.length / SECTOR_SIZE;
    {
      await using server = await rig.serve(store, ["1.0=disk:1MiB"]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, before);
      await assert.rejects(client.target.write(tail, after), AtaError);
      const [grown] = await resultsWithin<TargetDescription>(
        rig.namespace,
        ...["target", "grow", "1.0", "32MiB", "--store", store],
      );
      assert.equal(grown?.sizeBytes, 32 * MEBIBYTE);
      // The volume's own command does the same.
      await resultsWithin(
        rig.namespace,
        ...["volume", "grow", "disk", "64MiB", "--store", store],
      );
      const { sectorCount } = await client.target.identify();
      assert.equal(sectorCount * SECTOR_SIZE, grownBytes);
      assertSame(await readAll(client.target, 0, MEBIBYTE), before);
      assertSame(
        await readAll(client.target, MEBIBYTE / SECTOR_SIZE, MEBIBYTE),
        new Uint8Array(MEBIBYTE),
      );
      await writeAll(client.target, tail, after);
      await server.end("SIGKILL");
    }
    for (const signal of ["SIGTERM", "SIGTERM"] as const) {
      await using server = await rig.serve(store, ["1.0=disk"]);
      using client = await rig.attach("1.0");
      assertSame(await readAll(client.target, 0, MEBIBYTE), before);
      assertSame(
        await readAll(client.target, tail, after.length),
        after,
      );
      await server.end(signal);
    }
  },
);

systemTest(
  "a server that only reads serves volumes and snapshots beside the one that writes",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const content = noise(MEBIBYTE);
    await using _server = await rig.serve(store, ["1.0=disk:1MiB"]);
    using client = await rig.attach("1.0");
    await writeAll(client.target, 0, content);
    await resultsWithin(
      rig.namespace,
      ...["snapshot", "create", "disk", "noon", "--store", store],
    );
    const shared = ["--interface", "server0", "--store", store, "--read-only"];
    {
      await using reader = spawnServer(rig.namespace, {
        args: [
          ...shared,
          ...["--state", `${rig.folder}/reader`],
          ...["--target", "2.0=disk@noon", "--target", "2.1=disk@noon,clone"],
        ],
      });
      await reader.waitFor("ready", 2);
      using snapshot = await rig.attach("2.0");
      using clone = await rig.attach("2.1");
      const later = noise(MEBIBYTE);
      await writeAll(client.target, 0, later);
      await writeAll(clone.target, 0, noise(MEBIBYTE));
      assertSame(await readAll(snapshot.target, 0, MEBIBYTE), content);
      await resultsWithin(
        rig.namespace,
        ...["snapshot", "create", "disk", "later", "--store", store],
      );
      await resultsWithin(
        rig.namespace,
        ...[
          "target",
          "add",
          "2.3=disk@later",
          "--state",
          `${rig.folder}/reader`,
        ],
      );
      using added = await rig.attach("2.3");
      assertSame(await readAll(added.target, 0, MEBIBYTE), later);
      await resultsWithin(
        rig.namespace,
        ...["target", "add", "2.2=disk", "--state", `${rig.folder}/reader`],
      );
      using head = await rig.attach("2.2");
      assertSame(await readAll(head.target, 0, MEBIBYTE), later);
      assert.equal((await reader.end("SIGTERM")).code, 0, reader.log());
    }
    await using refused = spawnServer(rig.namespace, {
      args: [...shared, "--target", "2.0=disk:1MiB", "--create"],
    });
    await assert.rejects(refused.waitFor("ready"));
    assert.equal(refused.events.at(-1)?.exitStatus, 2);
    // The writer has kept its claim.
    const fresh = noise(MEBIBYTE);
    await writeAll(client.target, 0, fresh);
    assertSame(await readAll(client.target, 0, MEBIBYTE), fresh);
  },
);
