import assert from "node:assert/strict";
import {
  AoeError,
  AoeServer,
  AtaError,
  DirectiveCommand,
  Initiator,
  linkPair,
  MaskEditError,
  MemoryDevice,
  type RemoteTarget,
  Target,
} from "../../aoe/mod.ts";
import { CLIENT_MAC, hostMac } from "./frames.ts";

const A = hostMac(0xa);

async function withDisk(
  body: (disk: RemoteTarget, target: Target) => Promise<void>,
): Promise<void> {
  const [near, far] = linkPair({ mtu: 1500 });
  const server = new AoeServer();
  const device = new MemoryDevice({ sectorCount: 1024 });
  const target = new Target({ shelf: 1, slot: 0, device });
  server.addLink(near);
  server.addTarget(target);
  const running = server.run();
  const initiator = new Initiator(far);
  try {
    await body(await initiator.attach({ shelf: 1, slot: 0 }), target);
  } finally {
    initiator.close();
    await server.close();
    await running;
  }
}

Deno.test("mask() reads and edits the MAC mask", async () => {
  await withDisk(async (disk, target) => {
    assert.deepEqual(await disk.mask(), []);
    const list = await disk.mask([
      { command: DirectiveCommand.Add, mac: CLIENT_MAC },
      { command: DirectiveCommand.Add, mac: A },
    ]);
    assert.deepEqual(list, [CLIENT_MAC, A]);
    assert.deepEqual(target.state.mask, [CLIENT_MAC, A]);
    assert.deepEqual(await disk.mask(), [CLIENT_MAC, A]);
    const rest = await disk.mask([
      { command: DirectiveCommand.Delete, mac: A },
    ]);
    assert.deepEqual(rest, [CLIENT_MAC]);
  });
});

Deno.test("mask() tells which directive failed and why", async () => {
  await withDisk(async (disk) => {
    const bad = [
      { command: DirectiveCommand.Add, mac: CLIENT_MAC },
      { command: 7, mac: A },
    ];
    await assert.rejects(disk.mask(bad), (error: MaskEditError) => {
      assert.ok(error instanceof MaskEditError);
      assert.deepEqual([error.code, error.index], [2, 1]);
      assert.match(error.message, /MAC mask of 1\.0.*BadDirective/);
      return true;
    });
  });
});

Deno.test("reserve() sets, forces and releases, reservation() reads", async () => {
  await withDisk(async (disk, target) => {
    assert.deepEqual(await disk.reservation(), []);
    assert.deepEqual(await disk.reserve([CLIENT_MAC]), [CLIENT_MAC]);
    assert.deepEqual(await disk.reservation(), [CLIENT_MAC]);
    assert.deepEqual(await disk.reserve([]), []);
    target.replaceState({ ...target.state, reservation: [A] });
    await assert.rejects(disk.reserve([CLIENT_MAC]), (error: AoeError) => {
      assert.ok(error instanceof AoeError);
      assert.equal(error.code, 6);
      assert.match(error.message, /reserve 1\.0.*TargetReserved/);
      return true;
    });
    const forced = await disk.reserve([CLIENT_MAC], { force: true });
    assert.deepEqual(forced, [CLIENT_MAC]);
  });
});

Deno.test("reads and writes of a target that is reserved for another reject with error 6", async () => {
  await withDisk(async (disk, target) => {
    target.replaceState({ ...target.state, reservation: [A] });
    const range = { lba: 0, sectorCount: 8 };
    await assert.rejects(disk.read(range), { name: "AoeError", code: 6 });
    const bytes = new Uint8Array(4096);
    await assert.rejects(disk.write(0, bytes), { name: "AoeError", code: 6 });
    assert.equal((await disk.identify()).sectorCount, 1024);
    await disk.flush();
  });
});

Deno.test("trim() makes ranges read as zeros where IDENTIFY says so", async () => {
  await withDisk(async (disk) => {
    assert.equal((await disk.identify()).trim, "zero");
    await disk.write(0, new Uint8Array(16 * 512).fill(3));
    await disk.trim([{ lba: 0, sectorCount: 2 }, { lba: 8, sectorCount: 4 }]);
    const bytes = await disk.read({ lba: 0, sectorCount: 16 });
    const first = Array.from({ length: 16 }, (_, i) => bytes[512 * i]);
    assert.deepEqual(first, [0, 0, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 3, 3, 3, 3]);
  });
});

Deno.test("ata() sends any command and hands out registers and data", async () => {
  await withDisk(async (disk) => {
    const power = await disk.ata({ command: 0xe5 });
    assert.equal(power.argument.sectorCount, 0xff);
    const smart = await disk.ata({
      command: 0xb0,
      feature: 0xd0,
      sectorCount: 1,
      lba: 0xc24f00,
      replyDataLength: 512,
    });
    assert.deepEqual(smart.data, new Uint8Array(512));
    await assert.rejects(disk.ata({ command: 0 }), (error: AtaError) => {
      assert.ok(error instanceof AtaError);
      assert.deepEqual([error.status, error.errorBits], [0x41, 0x04]);
      assert.match(error.message, /ATA command 0x0 to 1\.0/);
      return true;
    });
  });
});

Deno.test("a request that cannot be encoded rejects and does not stop those after it", async () => {
  await withDisk(async (disk) => {
    const many = new Array(256).fill(A);
    await assert.rejects(disk.reserve(many), RangeError);
    await assert.rejects(
      disk.ata({ command: 0x34, data: new Uint8Array(9000) }),
      RangeError,
    );
    assert.deepEqual(await disk.reservation(), []);
  });
});
