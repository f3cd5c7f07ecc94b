import assert from "node:assert/strict";
import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import {
  AoeError,
  AtaError,
  TimeoutError,
} from "../../aoe/initiator/errors.ts";
import { Initiator } from "../../aoe/initiator/initiator.ts";
import { DirectiveCommand } from "../../aoe/mac_mask.ts";
import { ConfigCommand } from "../../aoe/query_config.ts";
import type { TargetDescription } from "../../cli/serving/served_targets.ts";
import { refusalWithin, resultsWithin } from "./commands.ts";
import { assertSame } from "../assert_same.ts";
import { noise, readAll, writeAll } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

const MEBIBYTE: number = 1024 * 1024;
const DISK_BYTES: number = 4 * MEBIBYTE;

systemTest(
  "a file is served as it is, made if missing, and grows while it is served",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const path = `${rig.folder}/disk.img`;
    const content = noise(DISK_BYTES);
    {
      await using server = await rig.serve(store, [
        "1.0=disk:1MiB",
        `2.0=path:${path},size=${DISK_BYTES}`,
      ]);
      using client = await rig.attach("2.0");
      await writeAll(client.target, 0, content);
      assert.deepEqual(
        await Deno.readFile(path),
        content,
        "what was acknowledged is in the file",
      );
      const [grown] = await resultsWithin<TargetDescription>(
        rig.namespace,
        ...["target", "grow", "2.0", "8MiB", "--store", store],
      );
      assert.equal(grown?.sizeBytes, 8 * MEBIBYTE);
      assert.equal(
        (await client.target.identify()).sectorCount,
        8 * MEBIBYTE / SECTOR_SIZE,
      );
      const end = new Uint8Array(SECTOR_SIZE).fill(7);
      await client.target.write(8 * MEBIBYTE / SECTOR_SIZE - 1, end);
      const second = await refusalWithin(
        rig.namespace,
        ...["target", "add", `2.1=path:${path}`, "--store", store],
      );
      assert.equal(second.exitStatus, 11, "it is served already");
      await server.end("SIGKILL");
    }
    await using _server = await rig.serve(store, [`2.0=path:${path},ro`]);
    using client = await rig.attach("2.0");
    assertSame(await readAll(client.target, 0, DISK_BYTES), content);
    await assert.rejects(client.target.write(0, content), AtaError);
  },
);

systemTest(
  "a clone of a snapshot is writable, and forgets when the server stops",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const content = noise(DISK_BYTES);
    const scratch = noise(MEBIBYTE);
    {
      await using server = await rig.serve(store, [`1.0=disk:${DISK_BYTES}`]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, content);
      await resultsWithin(
        rig.namespace,
        ...["snapshot", "create", "disk", "noon", "--store", store],
      );
      await server.end("SIGTERM");
    }
    const targets = ["1.0=disk", "1.1=disk@noon", "1.2=disk@noon,clone"];
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      await using server = await rig.serve(store, targets);
      using clone = await rig.attach("1.2");
      using snapshot = await rig.attach("1.1");
      assertSame(await readAll(clone.target, 0, DISK_BYTES), content);
      // Not at a block's start: the rest of the block comes from below.
      await writeAll(clone.target, 3, scratch);
      const expected = content.slice();
      expected.set(scratch, 3 * SECTOR_SIZE);
      assertSame(await readAll(clone.target, 0, DISK_BYTES), expected);
      assertSame(await readAll(snapshot.target, 0, DISK_BYTES), content);
      const { serial } = await clone.target.identify();
      assert.notEqual(serial, (await snapshot.target.identify()).serial);
      await server.end(signal);
      const left = [...Deno.readDirSync(`${rig.folder}/archive/local/scratch`)];
      assert.deepEqual(left, [], `after ${signal}`);
    }
  },
);

systemTest(
  "a clone that is kept is a volume, made once and served again",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const content = noise(MEBIBYTE);
    const changed = noise(MEBIBYTE / 2);
    const expected = content.slice();
    expected.set(changed);
    await using server = await rig.serve(store, ["1.0=disk:1MiB"]);
    const add = (target: string, ...more: string[]): string[] => [
      ...["target", "add", target, "--store", store],
      ...more,
    ];
    {
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, content);
    }
    const volumes = (...words: string[]): Promise<unknown[]> =>
      resultsWithin(rig.namespace, ...words, "--store", store);
    await volumes("snapshot", "create", "disk", "noon");
    const missing = await refusalWithin(
      rig.namespace,
      ...add("1.1=disk@noon,clone=mine"),
    );
    assert.match(missing.message, /add --create/);
    await resultsWithin(
      rig.namespace,
      ...add("1.1=disk@noon,clone=mine", "--create"),
    );
    {
      using client = await rig.attach("1.1");
      assertSame(await readAll(client.target, 0, MEBIBYTE), content);
      await writeAll(client.target, 0, changed);
    }
    const other = await refusalWithin(
      rig.namespace,
      ...add("1.2=disk@noon,clone=disk"),
    );
    assert.match(other.message, /"disk" is no clone of disk@noon/);
    await server.end("SIGTERM");

    await using _again = await rig.serve(
      store,
      ["1.0=disk", "1.1=disk@noon,clone=mine"],
      [],
    );
    using source = await rig.attach("1.0");
    using kept = await rig.attach("1.1");
    assertSame(await readAll(kept.target, 0, MEBIBYTE), expected);
    assertSame(await readAll(source.target, 0, MEBIBYTE), content);
  },
);

systemTest(
  "targets are added and removed while others are served",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    await using _server = await rig.serve(store, [
      "1.0=disk:1MiB,serial=FIRST",
    ]);
    const command = (...args: string[]): Promise<TargetDescription[]> =>
      resultsWithin(rig.namespace, "target", ...args, "--store", store);

    const [added] = await command("add", "1.1=memory:1MiB,serial=SECOND");
    assert.equal(added?.target, "1.1");
    {
      using client = await rig.attach("1.1");
      assert.equal((await client.target.identify()).serial, "SECOND");
      const bytes = noise(MEBIBYTE);
      await writeAll(client.target, 0, bytes);
      assertSame(await readAll(client.target, 0, MEBIBYTE), bytes);
      await command("grow", "1.1", "2MiB");
      assert.equal((await client.target.identify()).sectorCount, 4096);
    }
    assert.deepEqual(
      (await command("list")).map(({ target, serial }) => [target, serial]),
      [["1.0", "FIRST"], ["1.1", "SECOND"]],
    );
    const taken = await refusalWithin(
      rig.namespace,
      ...["target", "add", "1.1=memory:1MiB", "--store", store],
    );
    assert.equal(taken.exitStatus, 12);
    assert.match(taken.message, /1\.1 is served already/);
    const unknown = await refusalWithin(
      rig.namespace,
      ...["target", "remove", "1.9", "--store", store],
    );
    assert.equal(unknown.exitStatus, 10);
    assert.match(unknown.message, /no target 1\.9 .*1\.0, 1\.1/);
    const missing = await refusalWithin(
      rig.namespace,
      ...["target", "add", "1.2=nothing", "--store", store],
    );
    assert.equal(missing.exitStatus, 10);

    await command("remove", "1.1");
    assert.deepEqual((await command("list")).map((it) => it.target), ["1.0"]);
    const initiator = new Initiator(rig.openLink(), { deadlineMs: 400 });
    await assert.rejects(initiator.attach({ shelf: 1, slot: 1 }), TimeoutError);
    await initiator.attach({ shelf: 1, slot: 0 });
    initiator.close();
  },
);

systemTest(
  "a volume whose target was removed is free for others, and the server goes on",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const command = (...args: string[]): Promise<unknown[]> =>
      resultsWithin(rig.namespace, ...args, "--store", store);
    const bytes = noise(DISK_BYTES);
    const kept = noise(MEBIBYTE);
    {
      await using server = await rig.serve(store, [
        `1.0=disk:${DISK_BYTES}`,
        "1.1=other:1MiB",
      ]);
      {
        using client = await rig.attach("1.0");
        await writeAll(client.target, 0, bytes);
      }
      const rename = ["volume", "rename", "disk", "tape"];
      const refused = await refusalWithin(
        rig.namespace,
        ...[...rename, "--store", store],
      );
      assert.match(refused.message, /remove the targets that serve it/);
      await command("target", "remove", "1.0");
      await command(...rename);
      await command("target", "add", "1.2=tape");
      using client = await rig.attach("1.2");
      assertSame(await readAll(client.target, 0, DISK_BYTES), bytes);
      using other = await rig.attach("1.1");
      await writeAll(other.target, 0, kept);
      await command("target", "remove", "1.2");
      await command("volume", "retire", "tape");
      // What the journal has of it must not be missed at the next start.
      await server.end("SIGKILL");
    }
    await using _server = await rig.serve(store, ["1.1=other"]);
    using other = await rig.attach("1.1");
    assertSame(await readAll(other.target, 0, MEBIBYTE), kept);
  },
);

systemTest(
  "config string, mask and reservation outlive the server",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const first = new TextEncoder().encode("first");
    const later = Uint8Array.of(0, 255, 10, 34);
    const stranger = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const targets = [
      "1.0=disk:1MiB,config=first",
      "1.1=disk,buffers=8,sectors=2",
    ];
    {
      await using server = await rig.serve(store, targets);
      using client = await rig.attach("1.0");
      using other = await rig.attach("1.1");
      assert.deepEqual((await client.target.queryConfig()).configString, first);
      assert.equal(other.target.found.config.bufferCount, 8);
      assert.equal(other.target.found.config.sectorCount, 2);
      await client.target.queryConfig(ConfigCommand.ForceSet, later);
      const link = rig.openLink();
      await other.target.reserve([link.mac, stranger]);
      await client.target.mask(
        [link.mac, stranger].map((mac) => ({
          command: DirectiveCommand.Add,
          mac,
        })),
      );
      link.close();
      // It has been answered: it is kept, without a moment to write it.
      await server.end("SIGKILL");
    }
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      await using server = await rig.serve(store, targets);
      using client = await rig.attach("1.0");
      using other = await rig.attach("1.1");
      assert.deepEqual((await client.target.queryConfig()).configString, later);
      assert.deepEqual((await other.target.reservation())[1], stranger);
      assert.deepEqual((await client.target.mask())[1], stranger);
      await server.end(signal);
    }
  },
);

systemTest(
  "an operator lifts a mask and a reservation that shut everybody out",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    await using server = await rig.serve(store, ["1.0=disk:1MiB,config=mine"]);
    const command = (...args: string[]): Promise<TargetDescription[]> =>
      resultsWithin(rig.namespace, "target", ...args, "--store", store);
    using client = await rig.attach("1.0");
    const { target } = client;
    const stranger = Uint8Array.of(2, 0, 0, 0, 0, 1);
    await target.queryConfig(ConfigCommand.ForceSet, Uint8Array.of(65));
    await target.reserve([stranger]);
    await target.mask([{ command: DirectiveCommand.Add, mac: stranger }]);
    const range = { lba: 0, sectorCount: 8 };

    const [unmasked] = await command("clear", "1.0", "--mask");
    assert.deepEqual(unmasked?.mask, []);
    assert.deepEqual(unmasked.reservation, ["02:00:00:00:00:01"]);
    await assert.rejects(target.read(range), AoeError);
    await command("clear", "1.0", "--reservation");
    await target.read(range);
    assert.deepEqual(
      (await target.queryConfig()).configString,
      Uint8Array.of(65),
    );
    const [cleared] = await command("clear", "1.0", "--config-string");
    assert.equal(cleared?.config, "mine");

    for (
      const [exitStatus, ...wrong] of [
        [2, "1.0"],
        [10, "9.9", "--mask"],
      ] as const
    ) {
      const refusal = await refusalWithin(
        rig.namespace,
        ...["target", "clear", ...wrong, "--store", store],
      );
      assert.equal(refusal.exitStatus, exitStatus);
    }
    assert.equal((await server.end("SIGTERM")).code, 0);
  },
);

systemTest(
  "a target with an allow list is there for its hosts alone",
  async () => {
    await using rig = await SystemRig.create(9000);
    const link = rig.openLink();
    const mac = Array.from(
      link.mac,
      (byte) => byte.toString(16).padStart(2, "0"),
    )
      .join(":");
    await using _server = await rig.serve("memory:", [
      `1.0=memory:1MiB,allow=02:00:00:00:00:01,allow=${mac}`,
      "1.1=memory:1MiB,allow=02:00:00:00:00:01",
    ]);
    const initiator = new Initiator(link);
    assert.deepEqual(
      (await initiator.discover()).map(({ slot }) => slot),
      [0],
    );
    initiator.close();
  },
);
