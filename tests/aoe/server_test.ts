import assert from "node:assert/strict";
import {
  AoeServer,
  decodeHeader,
  type Link,
  linkPair,
  MAC_BROADCAST,
  MemoryDevice,
  Target,
} from "../../aoe/mod.ts";
import {
  ataRequest,
  bytesOf,
  configRequest,
  EVERYBODY,
  flushRequest,
  readRequest,
  request,
  text,
  writeRequest,
} from "./frames.ts";
import { RawPeer, turns } from "./raw_peer.ts";
import { RecordingLink } from "./recording_link.ts";
import { ScriptedDevice } from "./scripted_device.ts";
import { ataReply, configReply, only } from "./target_fixture.ts";

/** "shelf.slot" of every frame. */
function addressesOf(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => {
    const { shelf, slot } = decodeHeader(frame);
    return `${shelf}.${slot}`;
  });
}

function memoryTarget(shelf: number, slot: number): Target {
  return new Target({
    shelf,
    slot,
    device: new MemoryDevice({ sectorCount: 1024 }),
  });
}

/** Runs `body` against a server of targets 1.0, 1.1 and 2.0 on one link. */
async function withServer(
  body: (peer: RawPeer, server: AoeServer, link: Link) => Promise<void>,
): Promise<void> {
  const [near, far] = linkPair({ mtu: 9000 });
  const server = new AoeServer();
  server.addLink(near);
  server.addTarget(memoryTarget(1, 0));
  server.addTarget(memoryTarget(1, 1));
  server.addTarget(memoryTarget(2, 0));
  const running = server.run();
  const peer = new RawPeer(far);
  await peer.ask();
  try {
    await body(peer, server, near);
  } finally {
    await server.close();
    await running;
    far.close();
  }
}

Deno.test("a request is answered by the target it is addressed to alone", async () => {
  await withServer(async (peer, server) => {
    const replies = await peer.ask(
      readRequest(0, 1, { shelf: 1, slot: 1 }),
      readRequest(0, 1, { shelf: 2, slot: 0 }),
      readRequest(0, 1, { shelf: 2, slot: 1 }),
      readRequest(0, 1, { shelf: 0x0100, slot: 1 }),
    );
    assert.deepEqual(addressesOf(replies), ["1.1", "2.0"]);
    assert.equal(server.statistics.unroutedRequests, 2);
  });
});

for (
  const { shelf, slot, expected } of [
    { shelf: 0xffff, slot: 0xff, expected: ["1.0", "1.1", "2.0"] },
    { shelf: 1, slot: 0xff, expected: ["1.0", "1.1"] },
    { shelf: 0xffff, slot: 0, expected: ["1.0", "2.0"] },
    { shelf: 3, slot: 0xff, expected: [] },
  ]
) {
  Deno.test(`a broadcast to ${shelf}.${slot} is answered by every matching target, for every command`, async () => {
    await withServer(async (peer) => {
      const options = { destination: MAC_BROADCAST, shelf, slot };
      const commands = [
        configRequest(0, text(""), options),
        ataRequest({ sectorCount: 1, commandStatus: 0xec }, options),
        readRequest(0, 1, options),
        writeRequest(0, 1, 1, options),
        flushRequest(options),
        request(2, 36, options),
      ];
      for (const frame of commands) {
        assert.deepEqual(addressesOf(await peer.ask(frame)), expected);
      }
    });
  });
}

Deno.test("the broadcast address also works as the destination of one target", async () => {
  await withServer(async (peer) => {
    const frame = readRequest(0, 1, { destination: MAC_BROADCAST });
    assert.deepEqual(addressesOf(await peer.ask(frame)), ["1.0"]);
  });
});

Deno.test("frames that are no requests for us are ignored without an answer", async () => {
  await withServer(async (peer, server, link) => {
    const otherType = readRequest(0, 1);
    otherType[13] = 0xa3;
    const replies = await peer.ask(
      readRequest(0, 1, { flags: 0x08 }),
      configRequest(0, text(""), { ...EVERYBODY, flags: 0x0c }),
      readRequest(0, 1, { destination: bytesOf("020000000077") }),
      readRequest(0, 1, { source: bytesOf("010000000077") }),
      readRequest(0, 1, { source: MAC_BROADCAST }),
      otherType,
    );
    assert.deepEqual(replies, []);
    assert.equal(server.statistics.ignoredFrames, 6);
    assert.equal(link.statistics.framesSent, 3, "the adverts");
  });
});

Deno.test("runts are ignored", async () => {
  const [near, far] = linkPair();
  const server = new AoeServer();
  // A link that does not pad, as lo does not.
  const drain = near.drain.bind(near);
  near.drain = (handler, max) =>
    drain((frame) => handler(frame, frame[59]!), max);
  server.addLink(near);
  server.addTarget(memoryTarget(1, 0));
  const running = server.run();
  const peer = new RawPeer(far);
  await peer.ask();
  for (let length = 0; length < 24; length++) {
    const frame = configRequest(0, text(""), EVERYBODY);
    frame[59] = length;
    assert.deepEqual(await peer.ask(frame), []);
  }
  await server.close();
  await running;
  far.close();
});

Deno.test("every target is advertised on every link at the start, and on request", async () => {
  const [near0, far0] = linkPair({ mtu: 1500 });
  const [near1, far1] = linkPair({ mtu: 9000 });
  const server = new AoeServer();
  server.addLink(near0);
  server.addLink(near1);
  server.addTarget(memoryTarget(1, 0));
  server.addTarget(memoryTarget(1, 1));
  const running = server.run();
  const sectorCounts = [2, 16];
  for (let round = 0; round < 2; round++) {
    for (const [i, far] of [far0, far1].entries()) {
      const adverts = await new RawPeer(far).ask();
      assert.deepEqual(addressesOf(adverts), ["1.0", "1.1"]);
      const { header, argument } = configReply(adverts[0]!);
      assert.deepEqual(header.destination, MAC_BROADCAST);
      assert.deepEqual(
        [header.version, header.flags, header.tag, header.command],
        [1, 0x08, 0, 1],
      );
      assert.deepEqual(
        [argument.sectorCount, argument.bufferCount, argument.version],
        [sectorCounts[i], 64, 1],
      );
    }
    server.advertise();
  }
  await server.close();
  await running;
  far0.close();
  far1.close();
});

Deno.test("a target and a link added to a running server are advertised and served", async () => {
  await withServer(async (peer, server) => {
    server.addTarget(memoryTarget(7, 7));
    assert.deepEqual(addressesOf(await peer.ask()), ["7.7"]);
    const [near, far] = linkPair();
    server.addLink(near);
    const late = new RawPeer(far);
    assert.equal((await late.ask()).length, 4);
    const frame = readRequest(0, 1, { shelf: 7, slot: 7 });
    assert.deepEqual(addressesOf(await late.ask(frame)), ["7.7"]);
    far.close();
  });
});

Deno.test("the sector count limit is that of the link a request came on", async () => {
  const [near0, far0] = linkPair({ mtu: 1500 });
  const [near1, far1] = linkPair({ mtu: 9000 });
  const server = new AoeServer();
  server.addLink(near0);
  server.addLink(near1);
  server.addTarget(memoryTarget(1, 0));
  const running = server.run();
  const slow = new RawPeer(far0);
  const fast = new RawPeer(far1);
  await slow.ask();
  await fast.ask();
  const frame = readRequest(0, 8);
  const [refused, served] = [await slow.ask(frame), await fast.ask(frame)];
  assert.equal(ataReply(only(refused)).argument.commandStatus, 0x41);
  assert.equal(only(served).length, 36 + 8 * 512);
  await server.close();
  await running;
  far0.close();
  far1.close();
});

Deno.test("more than a burst of requests is answered in order and lets others have their turn", async () => {
  await withServer(async (peer) => {
    const frames = Array.from(
      { length: 300 },
      (_, tag) => readRequest(0, 1, { tag }),
    );
    for (const frame of frames) peer.link.send(frame, frame.length);
    peer.link.flush();
    const seen: number[] = [];
    let batchCount = 0;
    while (seen.length < 300) {
      await turns(1);
      const batch = peer.take();
      batchCount += batch.length > 0 ? 1 : 0;
      for (const frame of batch) seen.push(decodeHeader(frame).tag);
    }
    // Without yielding all replies would be there in the same turn.
    assert.ok(batchCount > 1);
    assert.deepEqual(seen, frames.map((_, tag) => tag));
  });
});

Deno.test("two targets at one address are refused", () => {
  const server = new AoeServer();
  server.addTarget(memoryTarget(1, 0));
  assert.throws(() => server.addTarget(memoryTarget(1, 0)), /1\.0.*taken/);
});

Deno.test("a link whose MTU does not carry a sector is refused with the MTU to set", () => {
  const server = new AoeServer();
  assert.throws(() => server.addLink(new RecordingLink(547)), /548/);
});

Deno.test("close() answers the writes it took, ignores later ones and closes the links", async () => {
  const [near, far] = linkPair();
  const device = new ScriptedDevice();
  const server = new AoeServer();
  server.addLink(near);
  server.addTarget(new Target({ shelf: 1, slot: 0, device }));
  const running = server.run();
  const peer = new RawPeer(far);
  await peer.ask();
  await peer.ask(writeRequest(0, 1, 1, { tag: 1 }));
  const closing = server.close();
  assert.deepEqual(await peer.ask(writeRequest(0, 1, 2, { tag: 2 })), []);
  assert.equal(near.closed, false);
  await device.settle(true);
  await closing;
  await running;
  assert.equal(near.closed, true);
  assert.deepEqual(peer.take().map((it) => decodeHeader(it).tag), [1]);
  assert.deepEqual(device.taken, ["0:1:1"]);
  await server.close();
  far.close();
});

Deno.test("run() ends when the last link is gone and goes on while one is left", async () => {
  const [near0, far0] = linkPair();
  const [near1, far1] = linkPair();
  const server = new AoeServer();
  server.addLink(near0);
  server.addLink(near1);
  server.addTarget(memoryTarget(1, 0));
  let ended = false;
  const running = server.run().then(() => ended = true);
  near0.close();
  const peer = new RawPeer(far1);
  await peer.ask();
  assert.equal((await peer.ask(readRequest(0, 1))).length, 1);
  assert.equal(ended, false);
  near1.close();
  await running;
  far0.close();
  far1.close();
});

Deno.test("run() rejects when a device breaks its contract by throwing", async () => {
  const [near, far] = linkPair();
  const device = new ScriptedDevice();
  device.readNow = () => {
    throw new Error("bug");
  };
  const server = new AoeServer();
  server.addLink(near);
  server.addTarget(new Target({ shelf: 1, slot: 0, device }));
  const failing = assert.rejects(server.run(), /bug/);
  await new RawPeer(far).ask(readRequest(0, 1));
  await failing;
  near.close();
  far.close();
});
