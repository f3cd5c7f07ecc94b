import assert from "node:assert/strict";
import {
  AoeError,
  AoeServer,
  AtaError,
  type BlockDevice,
  decodeHeader,
  type ExchangeOptions,
  FaultyLink,
  Initiator,
  linkPair,
  MemoryDevice,
  type RemoteTarget,
  Target,
  TimeoutError,
} from "../../aoe/mod.ts";
import { assertSame } from "../assert_same.ts";
import { configRequest, hostMac, text } from "./frames.ts";
import { ManualClock } from "./manual_clock.ts";
import { randomBytes, seededRandom } from "./random.ts";
import { RawPeer, turns } from "./raw_peer.ts";
import { ScriptedDevice } from "./scripted_device.ts";

interface Setup {
  readonly initiator: Initiator;
  readonly disk: RemoteTarget;
  readonly server: AoeServer;
}

/** Runs `body` with an initiator attached to a server's target 1.0. */
async function withDisk(
  options: {
    device?: BlockDevice;
    mtu?: number;
    bufferCount?: number;
    exchange?: ExchangeOptions;
  },
  body: (setup: Setup) => Promise<void>,
): Promise<void> {
  const [near, far] = linkPair({ mtu: options.mtu ?? 9000 });
  const server = new AoeServer();
  server.addLink(near);
  server.addTarget(
    new Target({
      shelf: 1,
      slot: 0,
      device: options.device ?? new MemoryDevice({ sectorCount: 4096 }),
      bufferCount: options.bufferCount ?? 64,
      configString: text("mine"),
    }),
  );
  const running = server.run();
  const initiator = new Initiator(far, options.exchange);
  try {
    const disk = await initiator.attach({ shelf: 1, slot: 0 });
    await body({ initiator, disk, server });
  } finally {
    initiator.close();
    near.close();
    await running;
  }
}

for (
  const { mtu, frameSectorsMax } of [{ mtu: 1500, frameSectorsMax: 2 }, {
    mtu: 9000,
    frameSectorsMax: 16,
  }]
) {
  Deno.test(`what is written is read back, in frames of ${frameSectorsMax} sectors on MTU ${mtu}`, async () => {
    await withDisk({ mtu }, async ({ disk, server }) => {
      assert.equal(disk.frameSectorsMax, frameSectorsMax);
      const bytes = randomBytes(seededRandom(1), 101 * 512);
      await disk.write(7, bytes);
      await disk.flush();
      assertSame(await disk.read({ lba: 7, sectorCount: 101 }), bytes);
      const { writes, sectorsWritten } = server.targets[0]!.statistics;
      assert.equal(sectorsWritten, 101);
      assert.equal(writes, Math.ceil(101 / frameSectorsMax));
      assert.equal(
        (await disk.read({ lba: 6, sectorCount: 1 })).some((it) => it !== 0),
        false,
      );
    });
  });
}

Deno.test("a target that tells a sector count of 0 is sent 2 sectors a frame", async () => {
  const [near, far] = linkPair({ mtu: 9000 });
  const initiator = new Initiator(far);
  const peer = new RawPeer(near);
  const attaching = initiator.attach({ shelf: 1, slot: 0 });
  const [query] = await peer.ask();
  const answer = configRequest(0, text(""), {
    destination: far.mac,
    source: near.mac,
    flags: 0x08,
    tag: decodeHeader(query!).tag,
  });
  answer[25] = 64;
  await peer.ask(answer);
  const disk = await attaching;
  assert.deepEqual([disk.found.config.sectorCount, disk.frameSectorsMax], [
    0,
    2,
  ]);
  initiator.close();
  near.close();
});

Deno.test("identify() gives size and names", async () => {
  await withDisk({}, async ({ disk }) => {
    const description = await disk.identify();
    assert.equal(description.sectorCount, 4096);
    assert.equal(description.serial, "memory");
  });
});

Deno.test("queryConfig() reads and sets the config string", async () => {
  await withDisk({}, async ({ disk }) => {
    assert.deepEqual((await disk.queryConfig()).configString, text("mine"));
    await assert.rejects(disk.queryConfig(3, text("yours")), (error) => {
      assert.ok(error instanceof AoeError);
      assert.equal(error.code, 4);
      assert.match(error.message, /query config of 1\.0.*ConfigStringPresent/);
      return true;
    });
    const { configString } = await disk.queryConfig(4, text("yours"));
    assert.deepEqual(configString, text("yours"));
  });
});

Deno.test("discover() finds every target that answers or advertises itself", async () => {
  const clock = new ManualClock();
  const [near, far] = linkPair();
  const server = new AoeServer();
  for (const [shelf, slot] of [[2, 1], [1, 0], [2, 0]] as const) {
    const device = new MemoryDevice({ sectorCount: 8 });
    server.addTarget(new Target({ shelf, slot, device }));
  }
  server.addLink(near);
  const running = server.run();
  const initiator = new Initiator(far, { clock });
  for (
    const { options, expected } of [
      { options: {}, expected: ["1.0", "2.0", "2.1"] },
      { options: { shelf: 2 }, expected: ["2.0", "2.1"] },
      { options: { shelf: 2, slot: 1 }, expected: ["2.1"] },
      { options: { shelf: 5 }, expected: [] },
    ]
  ) {
    const discovering = initiator.discover(options);
    await turns();
    await clock.advance(200);
    const found = await discovering;
    assert.deepEqual(found.map((it) => `${it.shelf}.${it.slot}`), expected);
    for (const { mac } of found) assert.deepEqual(mac, near.mac);
  }
  initiator.close();
  await server.close();
  await running;
});

Deno.test("discover() tells of every host that serves an address, and use() asks the one", async () => {
  const clock = new ManualClock();
  const [near, far] = linkPair();
  const initiator = new Initiator(near, { clock });
  const discovering = initiator.discover();
  for (const host of [7, 8, 7]) {
    const answer = configRequest(0, text(`of ${host}`), {
      destination: near.mac,
      source: hostMac(host),
      flags: 0x08,
      tag: 0,
    });
    far.send(answer, answer.length);
  }
  far.flush();
  await turns();
  await clock.advance(200);
  const found = await discovering;
  assert.deepEqual(
    found.map(({ mac, config }) => [mac, config.configString]),
    [[hostMac(7), text("of 7")], [hostMac(8), text("of 8")]],
  );
  far.drain(() => {}, Infinity);
  const asking = initiator.use(found[1]!).identify();
  await turns();
  far.drain((frame) => {
    assert.deepEqual(decodeHeader(frame).destination, hostMac(8));
  }, Infinity);
  initiator.close();
  await assert.rejects(asking);
  far.close();
});

Deno.test("attach() to an address that nobody has times out", async () => {
  const [near, far] = linkPair();
  const clock = new ManualClock();
  const initiator = new Initiator(near, { clock, deadlineMs: 300 });
  const attaching = assert.rejects(
    initiator.attach({ shelf: 4, slot: 2 }),
    (error) => error instanceof TimeoutError && /4\.2/.test(error.message),
  );
  await clock.advance(400);
  await attaching;
  initiator.close();
  far.close();
});

Deno.test("the window is what the target can queue", async () => {
  const device = new ScriptedDevice();
  await withDisk(
    { device, bufferCount: 3, exchange: { windowMax: 16 } },
    async (
      { disk, initiator },
    ) => {
      const writing = disk.write(0, new Uint8Array(16 * 10 * 512));
      await turns();
      assert.equal(initiator.exchange.outstandingCount, 3);
      assert.equal(device.taken.length, 3);
      while (device.taken.length < 10) {
        await device.settle(true);
        await turns();
      }
      await device.settle(true);
      await writing;
    },
  );
});

Deno.test("an ATA failure is an AtaError with both registers and the place", async () => {
  const device = new ScriptedDevice();
  await withDisk({ device }, async ({ disk }) => {
    await assert.rejects(disk.read({ lba: 1020, sectorCount: 8 }), (error) => {
      assert.ok(error instanceof AtaError);
      assert.deepEqual([error.status, error.errorBits], [0x41, 0x10]);
      assert.match(error.message, /read 8 sectors at 1020 of 1\.0.*IdNotFound/);
      return true;
    });
    const failing = assert.rejects(
      disk.write(0, new Uint8Array(512 * 40)),
      (error) => error instanceof AtaError && error.errorBits === 0x04,
    );
    await turns();
    await device.settle(false);
    await failing;
    device.atHand = false;
    const reading = assert.rejects(
      disk.read({ lba: 0, sectorCount: 1 }),
      (error) => error instanceof AtaError && error.errorBits === 0x40,
    );
    await turns();
    device.waitingReads[0]!.fail();
    await reading;
  });
});

Deno.test("requests that make no sense are refused before they are sent", async () => {
  await withDisk({}, async ({ disk }) => {
    await assert.rejects(disk.write(0, new Uint8Array(100)), RangeError);
    await assert.rejects(disk.write(0, new Uint8Array(0)), RangeError);
    await assert.rejects(disk.read({ lba: 0, sectorCount: 0 }), RangeError);
  });
});

Deno.test("a write waits for an unanswered one to the same sectors, and only for that", async () => {
  const device = new ScriptedDevice();
  await withDisk({ device }, async ({ disk }) => {
    const sector = (fill: number): Uint8Array => new Uint8Array(512).fill(fill);
    const writes = [
      disk.write(8, sector(1)),
      assert.rejects(disk.write(8, sector(2)), AtaError),
      disk.write(9, sector(3)),
      disk.write(8, sector(4)),
    ];
    await turns();
    assert.deepEqual(device.taken, ["8:1:1", "9:1:3"]);
    await device.settle(true);
    await turns();
    assert.deepEqual(device.taken, ["8:1:1", "9:1:3", "8:1:2"]);
    await device.settle(false);
    await turns();
    assert.deepEqual(device.taken.at(-1), "8:1:4");
    await device.settle(true);
    await Promise.all(writes);
  });
});

Deno.test("many reads and writes share one window in the order they were asked for", async () => {
  await withDisk({ exchange: { windowMax: 2 } }, async ({ disk }) => {
    const finished: number[] = [];
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      await disk.write(16 * i, new Uint8Array(16 * 512).fill(i));
      finished.push(i);
    }));
    assert.deepEqual(finished, Array.from({ length: 20 }, (_, i) => i));
    const sectors = await Promise.all(
      finished.map((i) => disk.read({ lba: 16 * i, sectorCount: 1 })),
    );
    assert.deepEqual(sectors.map((it) => it[0]), finished);
  });
});

Deno.test("a request whose answer is lost is repeated and succeeds", async () => {
  const [near, far] = linkPair();
  const clock = new ManualClock();
  let losses = 3;
  const faulty = new FaultyLink(near, {
    random: () => losses-- > 0 ? 0 : 1,
    lossRatio: 0.5,
  });
  const server = new AoeServer();
  const device = new MemoryDevice({ sectorCount: 8 });
  server.addTarget(new Target({ shelf: 1, slot: 0, device }));
  server.addLink(faulty);
  const running = server.run();
  const initiator = new Initiator(far, { clock });
  const attaching = initiator.attach({ shelf: 1, slot: 0 });
  await clock.advance(2000);
  assert.equal((await attaching).name, "1.0");
  assert.ok(initiator.exchange.statistics.retransmissions > 0);
  initiator.close();
  await server.close();
  await running;
});
