import assert from "node:assert/strict";
import {
  AoeServer,
  type AoeServerEvent,
  type AoeServerOptions,
  decodeHeader,
  decodeIdentify,
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
  hostMac,
  readRequest,
  text,
  writeRequest,
} from "./frames.ts";
import { ManualClock } from "./manual_clock.ts";
import { RawPeer } from "./raw_peer.ts";
import { ScriptedDevice } from "./scripted_device.ts";
import { ataReply, configReply, only } from "./target_fixture.ts";

interface Rig {
  readonly server: AoeServer;
  readonly target: Target;
  readonly device: MemoryDevice;
  readonly link: Link;
  readonly peer: RawPeer;
  readonly clock: ManualClock;
  readonly events: AoeServerEvent[];
}

/** Runs `body` against a server of target 1.0 whose adverts have been taken. */
async function withRig(
  body: (rig: Rig) => Promise<void>,
  options: AoeServerOptions = {},
): Promise<void> {
  const [link, far] = linkPair({ mtu: 9000 });
  const events: AoeServerEvent[] = [];
  const clock = new ManualClock();
  const server = new AoeServer({
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const device = new MemoryDevice({ sectorCount: 1024 });
  const target = new Target({ shelf: 1, slot: 0, device });
  server.addLink(link);
  server.addTarget(target);
  const running = server.run();
  const peer = new RawPeer(far);
  await peer.ask();
  try {
    await body({ server, target, device, link, peer, clock, events });
  } finally {
    await server.close();
    await running;
    far.close();
  }
}

function isAdvert(frame: Uint8Array): boolean {
  const { destination, command, flags, tag } = decodeHeader(frame);
  return command === 1 && flags === 8 && tag === 0 &&
    MAC_BROADCAST.every((byte, i) => destination[i] === byte);
}

Deno.test("a target that has grown is advertised and tells its new size", async () => {
  await withRig(async ({ server, target, device, peer }) => {
    device.grow(4096);
    server.advertise(target);
    assert.ok(isAdvert(only(await peer.ask())));
    const identify = ataRequest({ sectorCount: 1, commandStatus: 0xec });
    const reply = only(await peer.ask(identify));
    assert.equal(decodeIdentify(reply, 36).sectorCount, 4096);
    const end = only(await peer.ask(readRequest(4088, 8)));
    assert.equal(ataReply(end).argument.commandStatus, 0x40);
  });
});

Deno.test("a removed target answers what it took and nothing more", async () => {
  await withRig(async ({ server, peer }) => {
    const device = new ScriptedDevice();
    const target = new Target({ shelf: 2, slot: 0, device });
    server.addTarget(target);
    await peer.ask();
    const write = writeRequest(0, 1, 1, { shelf: 2, tag: 77 });
    assert.deepEqual(await peer.ask(write), []);
    let removed = false;
    const removal = server.removeTarget(target).then(() => removed = true);
    assert.deepEqual(await peer.ask(readRequest(0, 1, { shelf: 2 })), []);
    assert.equal(removed, false);
    assert.equal(server.statistics.unroutedRequests, 1);
    await device.settle(true);
    await removal;
    const reply = only(await peer.ask());
    assert.equal(decodeHeader(reply).tag, 77);
    assert.equal(
      (await peer.ask(configRequest(0, text(""), EVERYBODY))).length,
      1,
    );
    server.addTarget(
      new Target({ shelf: 2, slot: 0, device: new ScriptedDevice() }),
    );
    assert.equal(server.targets.length, 2);
  });
});

/** Serves on another link instead of `link`, as when an interface changes. */
async function replaceLink(
  { server }: Rig,
  link: Link,
  facts: { mtu?: number; mac?: Uint8Array; name?: string } = {},
): Promise<{ link: Link; peer: RawPeer; adverts: Uint8Array[] }> {
  const { mtu = 9000, name = "pair0", mac = link.mac } = facts;
  const [near, far] = linkPair({
    mtu,
    names: [name, "far"],
    macs: [mac, hostMac(1)],
  });
  server.removeLink(link);
  server.addLink(near);
  const peer = new RawPeer(far);
  return { link: near, peer, adverts: await peer.ask() };
}

Deno.test("an interface of another MTU is advertised on with its sector count", async () => {
  await withRig(async (rig) => {
    const small = await replaceLink(rig, rig.link, { mtu: 1500 });
    const advert = only(small.adverts);
    assert.ok(isAdvert(advert));
    assert.equal(configReply(advert).argument.sectorCount, 2);
    const large = await replaceLink(rig, small.link, { mtu: 9000 });
    assert.equal(configReply(only(large.adverts)).argument.sectorCount, 16);
    const served = only(await large.peer.ask(readRequest(0, 16)));
    assert.equal(served.length, 36 + 16 * 512);
  }, { serveWithoutLinks: true });
});

Deno.test("a read that was allowed before the MTU shrank is lost, not refused", async () => {
  await withRig(async (rig) => {
    const small = await replaceLink(rig, rig.link, { mtu: 1500 });
    assert.deepEqual(await small.peer.ask(readRequest(0, 16)), []);
    assert.equal(rig.target.statistics.droppedRequests, 1);
    assert.equal(rig.target.statistics.ataErrors, 0);
    const fitting = only(await small.peer.ask(readRequest(0, 2)));
    assert.equal(fitting.length, 36 + 2 * 512);
    // Nobody was ever told that as many are allowed.
    const never = only(await small.peer.ask(readRequest(0, 17)));
    assert.equal(ataReply(never).argument.commandStatus, 0x41);
    // Past the end it is wrong on every link.
    const wrong = only(await small.peer.ask(readRequest(1023, 2)));
    assert.equal(ataReply(wrong).argument.commandStatus, 0x41);

    const large = await replaceLink(rig, small.link, { mtu: 9000 });
    const repeated = only(await large.peer.ask(readRequest(0, 16)));
    assert.equal(repeated.length, 36 + 16 * 512);

    // Another interface has promised nothing.
    const other = await replaceLink(rig, large.link, {
      mtu: 1500,
      name: "other",
    });
    const refused = only(await other.peer.ask(readRequest(0, 16)));
    assert.equal(ataReply(refused).argument.commandStatus, 0x41);
  }, { serveWithoutLinks: true });
});

Deno.test("an interface of another address is answered from and listened to", async () => {
  await withRig(async (rig) => {
    const mac = bytesOf("020000000099");
    const { peer, adverts } = await replaceLink(rig, rig.link, { mac });
    assert.deepEqual(decodeHeader(only(adverts)).source, mac);
    assert.deepEqual(await peer.ask(readRequest(0, 1)), []);
    const reply = only(await peer.ask(readRequest(0, 1, { destination: mac })));
    assert.deepEqual(decodeHeader(reply).source, mac);
  }, { serveWithoutLinks: true });
});

Deno.test("a server can lose its last link and get another", async () => {
  await withRig(async ({ server, link, events }) => {
    server.removeLink(link);
    assert.equal(link.closed, true);
    const [near, far] = linkPair();
    await new RawPeer(far).ask();
    server.addLink(near);
    const peer = new RawPeer(far);
    assert.ok(isAdvert(only(await peer.ask())));
    assert.equal((await peer.ask(readRequest(0, 1))).length, 1);
    assert.deepEqual(server.links, [near]);
    assert.deepEqual(events, [], "it was no loss");
    far.close();
  }, { serveWithoutLinks: true });
});

Deno.test("run() ends when the last link is removed, unless told otherwise", async () => {
  const [near, far] = linkPair();
  const server = new AoeServer();
  server.addLink(near);
  const running = server.run();
  server.removeLink(near);
  await running;
  far.close();
});

Deno.test("a link that closes by itself is reported, and the rest goes on", async () => {
  await withRig(async ({ server, peer, events }) => {
    const [near, far] = linkPair({ names: ["extra", "far"] });
    server.addLink(near);
    await new RawPeer(far).ask();
    near.close();
    await peer.ask();
    assert.deepEqual(events, [{ kind: "link-lost", linkName: "extra" }]);
    assert.equal(server.links.length, 1);
    assert.equal((await peer.ask(readRequest(0, 1))).length, 1);
    far.close();
  });
});

/** A response for 1.0, as another server on the segment would send it. */
function foreignResponse(source: Uint8Array, slot: number = 0): Uint8Array {
  return configRequest(0, text(""), {
    destination: MAC_BROADCAST,
    source,
    flags: 0x08,
    tag: 0,
    slot,
  });
}

Deno.test("another host that answers for an address of ours is reported once a minute", async () => {
  await withRig(async ({ peer, clock, events }) => {
    const foreign = hostMac(9);
    const conflict: AoeServerEvent = {
      kind: "address-conflict",
      shelf: 1,
      slot: 0,
      mac: foreign,
      linkName: "pair0",
    };
    assert.deepEqual(await peer.ask(foreignResponse(foreign)), []);
    await peer.ask(foreignResponse(foreign), foreignResponse(hostMac(10)));
    assert.deepEqual(events, [conflict]);
    await clock.advance(59_000);
    await peer.ask(foreignResponse(foreign));
    assert.equal(events.length, 1);
    await clock.advance(1_000);
    await peer.ask(foreignResponse(foreign));
    assert.deepEqual(events, [conflict, conflict]);
  });
});

Deno.test("responses of others for addresses of others, and our own, are no conflict", async () => {
  await withRig(async ({ server, peer, events }) => {
    const [near, far] = linkPair({ macs: [hostMac(1), hostMac(2)] });
    server.addLink(near);
    await peer.ask(
      foreignResponse(hostMac(9), 1),
      // Two links to one segment hear each other's adverts.
      foreignResponse(hostMac(1)),
      foreignResponse(bytesOf("020000000001")),
    );
    assert.deepEqual(events, []);
    far.close();
  });
});

Deno.test("frames that a link lost are reported, at most every 10 seconds", async () => {
  await withRig(async ({ link, peer, clock, events }) => {
    const statistics = link.statistics as { framesDropped: number };
    statistics.framesDropped = 5;
    await peer.ask(readRequest(0, 1));
    assert.deepEqual(events, []);
    await clock.advance(10_000);
    await peer.ask(readRequest(0, 1));
    const dropped = (lostFrames: number): AoeServerEvent => ({
      kind: "frames-dropped",
      linkName: "pair0",
      lostFrames,
      droppedFrames: 0,
    });
    assert.deepEqual(events, [dropped(5)]);
    statistics.framesDropped = 7;
    await clock.advance(9_000);
    await peer.ask(readRequest(0, 1));
    assert.equal(events.length, 1);
    await clock.advance(1_000);
    await peer.ask(readRequest(0, 1));
    await clock.advance(20_000);
    await peer.ask(readRequest(0, 1));
    assert.deepEqual(events, [dropped(5), dropped(2)]);
  });
});
