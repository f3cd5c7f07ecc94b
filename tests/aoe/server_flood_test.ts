import assert from "node:assert/strict";
import {
  AoeServer,
  type AoeServerEvent,
  decodeHeader,
  type Link,
  linkPair,
  MemoryDevice,
  Target,
} from "../../aoe/mod.ts";
import { hostMac, readRequest, writeRequest } from "./frames.ts";
import { ManualClock } from "./manual_clock.ts";
import { RawPeer, turns } from "./raw_peer.ts";
import { ScriptedDevice } from "./scripted_device.ts";

const FLOODER = hostMac(0xbad);
const QUIET = hostMac(0x900d);
/** Far more than a host may have outstanding. */
const FLOOD_FRAMES = 4000;

interface Flood {
  readonly server: AoeServer;
  readonly link: Link;
  readonly peer: RawPeer;
  readonly clock: ManualClock;
  readonly events: AoeServerEvent[];
}

async function withServer(
  target: Target,
  body: (flood: Flood) => Promise<void>,
): Promise<void> {
  const [near, far] = linkPair({ mtu: 1500, queueFramesMax: 8192 });
  const clock = new ManualClock();
  const events: AoeServerEvent[] = [];
  const server = new AoeServer({
    clock,
    onEvent: (event) => events.push(event),
  });
  server.addLink(near);
  server.addTarget(target);
  const running = server.run();
  const peer = new RawPeer(far);
  await peer.ask();
  try {
    await body({ server, link: near, peer, clock, events });
  } finally {
    await server.close();
    await running;
    far.close();
  }
}

function memoryTarget(): Target {
  return new Target({
    shelf: 1,
    slot: 0,
    device: new MemoryDevice({ sectorCount: 1024 }),
  });
}

function flood(peer: RawPeer, count: number, source: Uint8Array): void {
  for (let tag = 0; tag < count; tag++) {
    const frame = readRequest(0, 1, { source, tag });
    peer.link.send(frame, frame.length);
  }
}

/** Takes replies turn by turn until one to `host` is there; those before it. */
async function repliesBefore(
  peer: RawPeer,
  host: Uint8Array,
): Promise<Uint8Array[]> {
  const seen: Uint8Array[] = [];
  for (let turn = 0; turn < 2000; turn++) {
    await turns(1);
    for (const frame of peer.take()) {
      if (isTo(frame, host)) return seen;
      seen.push(frame);
    }
  }
  throw new Error("no answer");
}

function isTo(frame: Uint8Array, host: Uint8Array): boolean {
  return host.every((byte, i) => frame[i] === byte);
}

Deno.test("behind a flood from one host another is still served soon", async () => {
  await withServer(memoryTarget(), async ({ peer }) => {
    flood(peer, FLOOD_FRAMES, FLOODER);
    const frame = readRequest(0, 1, { source: QUIET });
    peer.link.send(frame, frame.length);
    peer.link.flush();
    const before = await repliesBefore(peer, QUIET);
    // First come, first served would be 4000.
    assert.ok(before.length < 1000, `${before.length} replies before it`);
  });
});

Deno.test("during a flood without end every request of another host is served soon", async () => {
  await withServer(memoryTarget(), async ({ peer }) => {
    flood(peer, FLOOD_FRAMES, FLOODER);
    peer.link.flush();
    for (let i = 0; i < 20; i++) {
      flood(peer, 500, FLOODER);
      const frame = readRequest(0, 1, { source: QUIET });
      peer.link.send(frame, frame.length);
      peer.link.flush();
      const before = await repliesBefore(peer, QUIET);
      assert.ok(before.length < 1000, `${before.length} replies before it`);
    }
  });
});

Deno.test("hosts that flood together are served in turns", async () => {
  await withServer(memoryTarget(), async ({ peer }) => {
    const hosts = [1, 2, 3, 4].map(hostMac);
    flood(peer, FLOOD_FRAMES, FLOODER);
    for (const host of hosts) flood(peer, 40, host);
    peer.link.flush();
    const counts = new Map<string, number>();
    for (let turn = 0; turn < 200; turn++) {
      await turns(1);
      for (const frame of peer.take()) {
        const to = decodeHeader(frame).destination.toHex();
        counts.set(to, (counts.get(to) ?? 0) + 1);
      }
    }
    for (const host of hosts) assert.equal(counts.get(host.toHex()), 40);
  });
});

Deno.test("a host with no more outstanding than it was told loses nothing in the flood", async () => {
  await withServer(memoryTarget(), async ({ peer }) => {
    // More than there is room for stands before it, too.
    flood(peer, 2000, FLOODER);
    flood(peer, 64, QUIET);
    flood(peer, 2000, FLOODER);
    peer.link.flush();
    let count = 0;
    for (let turn = 0; turn < 300; turn++) {
      await turns(1);
      count += peer.take().filter((frame) => isTo(frame, QUIET)).length;
    }
    assert.equal(count, 64);
  });
});

Deno.test("what is dropped of a flood is counted and told", async () => {
  await withServer(memoryTarget(), async ({ peer, clock, events }) => {
    flood(peer, FLOOD_FRAMES, FLOODER);
    peer.link.flush();
    await turns(200);
    const answered = peer.take().length;
    await clock.advance(10_000);
    await peer.ask(readRequest(0, 1));
    assert.deepEqual(events, [{
      kind: "frames-dropped",
      linkName: "pair0",
      lostFrames: 0,
      droppedFrames: FLOOD_FRAMES - answered,
    }]);
    assert.ok(answered > 256 && answered < FLOOD_FRAMES, `${answered}`);
  });
});

Deno.test("a steady load of two hosts within their windows loses nothing and keeps its order", async () => {
  await withServer(memoryTarget(), async ({ peer, server }) => {
    const hosts = [hostMac(1), hostMac(2)];
    const next = [0, 0];
    const seen: number[][] = [[], []];
    const send = (host: number): void => {
      const tag = next[host]!++;
      const frame = readRequest(0, 1, { source: hosts[host]!, tag });
      peer.link.send(frame, frame.length);
    };
    for (let i = 0; i < 64; i++) hosts.forEach((_, host) => send(host));
    peer.link.flush();
    for (let turn = 0; turn < 400; turn++) {
      await turns(1);
      for (const frame of peer.take()) {
        const host = isTo(frame, hosts[0]!) ? 0 : 1;
        seen[host]!.push(decodeHeader(frame).tag);
        send(host);
      }
      peer.link.flush();
    }
    assert.ok(seen[0]!.length > 1000);
    for (const tags of seen) assert.deepEqual(tags, tags.map((_, tag) => tag));
    assert.ok(server.statistics.requests > 2000);
  });
});

Deno.test("a flood of reads that must wait leaves places to others", async () => {
  const device = new ScriptedDevice();
  device.atHand = false;
  const target = new Target({ shelf: 1, slot: 0, device, pendingReadsMax: 8 });
  await withServer(target, async ({ peer }) => {
    flood(peer, 100, FLOODER);
    await peer.ask(readRequest(8, 1, { source: QUIET }));
    const lbas = device.waitingReads.map((it) => it.range.lba);
    assert.deepEqual(lbas, [0, 0, 0, 0, 8]);
    for (const { succeed } of device.waitingReads) succeed();
    assert.equal((await peer.ask()).length, 5);
    await peer.ask(readRequest(16, 1, { source: FLOODER }));
    assert.equal(device.waitingReads.length, 6);
    device.waitingReads[5]!.succeed();
  });
});

Deno.test("a flood of writes without room leaves places to others", async () => {
  const device = new ScriptedDevice();
  device.room = 0;
  const target = new Target({ shelf: 1, slot: 0, device, heldWritesMax: 8 });
  await withServer(target, async ({ peer }) => {
    for (let lba = 0; lba < 100; lba++) {
      const frame = writeRequest(lba, 1, 1, { source: FLOODER });
      peer.link.send(frame, frame.length);
    }
    await peer.ask(writeRequest(500, 1, 2, { source: QUIET }));
    await device.makeRoom(100);
    assert.deepEqual(device.taken, [
      "0:1:1",
      "1:1:1",
      "2:1:1",
      "3:1:1",
      "500:1:2",
    ]);
    await device.settle(true);
    assert.equal((await peer.ask()).length, 5);
  });
});
