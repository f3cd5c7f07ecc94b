/**
 * What the tests of the libpcap link do inside a network namespace: one
 * scenario a run, named by the argument. A failed assertion ends the run with
 * an exception, and that is the verdict.
 */

import assert from "node:assert/strict";
import { Initiator } from "../../../aoe/initiator/initiator.ts";
import { PcapLink } from "../../../aoe/link/pcap.ts";
import { listInterfaces } from "../../../aoe/link/pcap_watch.ts";
import { LinkError, type LinkErrorCode } from "../../../aoe/link/pcap_error.ts";
import { MemoryDevice } from "../../../aoe/memory_device.ts";
import { AoeServer } from "../../../aoe/server.ts";
import { Target } from "../../../aoe/target.ts";
import { assertSame } from "../../assert_same.ts";
import {
  aoeFrame,
  nextFrames,
  receiveUntil,
  withLinks,
} from "./pcap_fixture.ts";
import { ENDS, ip } from "./veth.ts";

const [LEFT, RIGHT] = ENDS;
const MARK = 0x4d;

/** Every length arrives as it was sent, and only at the other end. */
async function exchange(): Promise<void> {
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    const frameLengthMax = left.mtu + 14;
    for (const length of [60, 61, 1060, 1514, frameLengthMax]) {
      const sent = aoeFrame(left, right, length);
      assert.equal(left.send(sent, length), true);
      left.flush();
      assert.deepEqual(await nextFrames(right, 1), [sent]);
    }
    assert.equal(
      left.send(aoeFrame(left, right, frameLengthMax + 1), frameLengthMax + 1),
      false,
    );
    assert.equal(left.drain(() => assert.fail("its own frame"), 64), 0);
    assert.equal(right.statistics.framesReceived, 5);
    assert.equal(left.statistics.framesSent, 5);
    assert.equal(left.statistics.sendErrors, 1);
  });
}

/** What another program of this host sends is not what arrives here. */
async function ownFrames(): Promise<void> {
  await withLinks([LEFT, LEFT, RIGHT], async ([sender, beside, right]) => {
    const sent = aoeFrame(sender, right, 60);
    sender.send(sent, 60);
    assert.deepEqual(await nextFrames(right, 1), [sent]);
    const answer = aoeFrame(right, sender, 61);
    right.send(answer, 61);
    assert.deepEqual(await nextFrames(beside, 1), [answer]);
  });
}

/** A short frame is padded with zeros, whatever lies behind it. */
async function padding(): Promise<void> {
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    const frame = aoeFrame(left, right, 60);
    left.send(frame, 59);
    left.send(frame, 32);
    const [first, second] = await nextFrames(right, 2);
    assert.equal(first?.length, 60);
    assert.deepEqual(first?.subarray(0, 59), frame.subarray(0, 59));
    assert.equal(first?.[59], 0);
    assert.deepEqual(second?.subarray(0, 32), frame.subarray(0, 32));
    assert.deepEqual(second?.subarray(32), new Uint8Array(28));
  });
}

/** Frames of another ethertype, a VLAN, or for another host, are not ours. */
async function otherFrames(): Promise<void> {
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    const ipv4 = aoeFrame(left, right, 100);
    ipv4.set([0x08, 0x00], 12);
    const inVlan = aoeFrame(left, right, 100);
    inVlan.set([0x81, 0x00, 0x00, 0x07, 0x88, 0xa2], 12);
    const flooded = aoeFrame(left, right, 100);
    flooded[5] = ~(flooded[5] ?? 0);
    const ours = aoeFrame(left, right, 100);
    for (const frame of [ipv4, inVlan, flooded, ours, ipv4, inVlan]) {
      left.send(frame, frame.length);
    }
    assert.deepEqual(await nextFrames(right, 1), [ours]);
    assert.equal(right.drain(() => assert.fail("not ours"), 64), 0);
    assert.equal(right.statistics.framesReceived, 1);
  });
}

/** `drain` hands out no more than it was asked for. */
async function drainLimit(): Promise<void> {
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    for (let i = 0; i < 5; i++) left.send(aoeFrame(left, right, 60), 60);
    await right.wait();
    assert.equal(right.drain(() => {}, 3), 3);
    assert.equal(right.drain(() => {}, 3), 2);
    assert.equal(right.drain(() => {}, 3), 0);
  });
}

/** `close` ends a wait that sleeps; the process then has nothing left to do. */
async function closeWhileWaiting(): Promise<void> {
  const link = new PcapLink(LEFT);
  const waiting = link.wait();
  const alsoWaiting = link.wait();
  await new Promise((resolve) => setTimeout(resolve, 100));
  link.close();
  link.close();
  await waiting;
  await alsoWaiting;
  await link.wait();
  assert.equal(link.closed, true);
  assert.equal(link.send(new Uint8Array(60), 60), false);
  assert.equal(link.drain(() => assert.fail("closed"), 64), 0);
  assert.equal(link.statistics.framesSent, 0);
}

/** A handler may close the link under the loop that called it. */
async function closeWhileDraining(): Promise<void> {
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    for (let i = 0; i < 3; i++) left.send(aoeFrame(left, right, 60), 60);
    await right.wait();
    assert.equal(right.drain(() => right.close(), 64), 1);
  });
}

/** Address and MTU are the system's, on an interface without IP. */
async function facts(): Promise<void> {
  const [told] = JSON.parse(await ip("-json", "link", "show", LEFT));
  const withAddress = Deno.networkInterfaces().map((it) => it.name);
  assert.equal(withAddress.includes(LEFT), false);
  await withLinks([LEFT], ([left]) => {
    assert.equal(left.name, LEFT);
    assert.equal(left.mtu, told.mtu);
    assert.equal(left.mac.length, 6);
    const mac = Array.from(left.mac, (it) => it.toString(16).padStart(2, "0"));
    assert.equal(mac.join(":"), told.address);
    return Promise.resolve();
  });
}

/** Frames that were not drained in time are counted. */
async function drops(): Promise<void> {
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    const frame = aoeFrame(left, right, 1514);
    for (let i = 0; i < 5000; i++) left.send(frame, frame.length);
    await right.wait();
    let received = 0;
    while (right.drain(() => {}, 64) > 0) {
      received = right.statistics.framesReceived;
    }
    assert.ok(right.statistics.framesDropped > 0, "nothing was dropped");
    assert.equal(received + right.statistics.framesDropped, 5000);
  }, { captureBufferBytes: 256 * 1024 });
}

/** However many frames come, timers have their turn. */
async function flood(): Promise<void> {
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    const frame = aoeFrame(left, right, 60);
    let fired = false;
    setTimeout(() => fired = true, 1);
    left.send(frame, 60);
    for (let waits = 0; !fired; waits++) {
      assert.ok(waits < 1_000_000, "the timer had no turn");
      await right.wait();
      right.drain(() => left.send(frame, 60), 1);
    }
  });
}

/** Frames that a slow device queues are not lost for want of room. */
async function slowDevice(): Promise<void> {
  await ip("link", "set", LEFT, "txqueuelen", "1000");
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    const frame = aoeFrame(left, right, 9014);
    for (let i = 0; i < 200; i++) {
      assert.equal(left.send(frame, frame.length), true);
    }
    assert.equal((await nextFrames(right, 200)).length, 200);
  });
}

/** While the interface is down frames are lost; when it is back they flow. */
async function downAndUp(): Promise<void> {
  await withLinks([LEFT, RIGHT], async ([left, right]) => {
    const waiting = right.wait();
    await ip("link", "set", RIGHT, "down");
    assert.equal(right.send(aoeFrame(right, left, 60), 60), false);
    assert.equal(right.statistics.sendErrors, 1);
    right.drain(() => assert.fail("it was down"), 64);
    await ip("link", "set", RIGHT, "up");
    const request = aoeFrame(left, right, 60, MARK);
    await receiveUntil(right, MARK, () => left.send(request, 60));
    await waiting;
    assert.equal(right.closed, false);
    const reply = aoeFrame(right, left, 60, MARK);
    await receiveUntil(left, MARK, () => right.send(reply, 60));
  });
}

/** An interface that is removed closes its link. */
async function removed(): Promise<void> {
  await withLinks([LEFT], async ([left]) => {
    const waiting = left.wait();
    await ip("link", "delete", LEFT);
    await waiting;
    while (!left.closed) {
      left.drain(() => assert.fail("it is gone"), 64);
      await left.wait();
    }
    assert.equal(left.send(new Uint8Array(60), 60), false);
  });
}

/** On loopback every socket sees each frame, its own too, but only once. */
async function loopback(): Promise<void> {
  await withLinks(["lo", "lo"], async ([one, other]) => {
    assert.equal(one.mtu, 65536);
    const sent = [60, 1514, 65536].map((it) => aoeFrame(one, other, it));
    for (const frame of sent) one.send(frame, frame.length);
    assert.deepEqual(await nextFrames(other, 3), sent);
    assert.deepEqual(await nextFrames(one, 3), sent);
    assert.equal(one.drain(() => assert.fail("twice"), 64), 0);
    assert.equal(other.drain(() => assert.fail("twice"), 64), 0);
  });
}

/** A server and an initiator, each in its own process, talk over loopback. */
async function loopbackProcesses(): Promise<void> {
  const file = new URL(import.meta.url).pathname;
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", file, "serveLoopback"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await output.read()).value, "ready\n");
  const initiator = new Initiator(new PcapLink("lo"));
  const target = await initiator.attach({ shelf: 7, slot: 1 });
  const written = new Uint8Array(256 * 1024);
  for (let i = 0; i < written.length; i++) written[i] = i * 13 + (i >> 9);
  await target.write(24, written);
  const range = { lba: 24, sectorCount: written.length / 512 };
  assertSame(await target.read(range), written);
  const { requests, retransmissions } = initiator.exchange.statistics;
  initiator.close();
  await server.stdin.close();
  const told = JSON.parse((await output.read()).value ?? "");
  assert.equal((await server.status).success, true);
  assert.equal(told.requests, requests + retransmissions);
}

/** The server of the above: serves until its input ends, and tells. */
async function serveLoopback(): Promise<void> {
  const server = new AoeServer();
  server.addLink(new PcapLink("lo"));
  const device = new MemoryDevice({ sectorCount: 4096 });
  server.addTarget(new Target({ shelf: 7, slot: 1, device }));
  const serving = server.run();
  console.log("ready");
  for await (const _ of Deno.stdin.readable);
  await server.close();
  await serving;
  console.log(JSON.stringify(server.statistics));
}

/** Interfaces are listed whether they are up or not. */
async function interfaces(): Promise<void> {
  await ip("link", "set", LEFT, "down");
  assert.deepEqual(listInterfaces().toSorted(), [LEFT, "lo", RIGHT]);
}

/** What stands in the way is told apart, with what to type about it. */
async function errors(): Promise<void> {
  refused("interface-missing", "nosuch0", /nosuch0; .*left0.*ip link/);
  refused("interface-missing", "name-that-is-too-long", /too-long/);
  refused("library", LEFT, /\/nosuch\.so .*apt-get install libpcap0\.8/, {
    libraryPath: "/nosuch.so",
  });
  await ip("link", "set", LEFT, "down");
  refused("interface-down", LEFT, /left0 is down.*sudo ip link set left0 up/);
  await ip("tuntap", "add", "dev", "layer3", "mode", "tun");
  await ip("link", "set", "layer3", "up");
  refused("interface-kind", "layer3", /no Ethernet frames/);
}

function withoutCapability(): void {
  refused("capability", LEFT, /left0.*CAP_NET_RAW.*sudo.*setcap/);
}

function withoutPermission(): void {
  refused("ffi-permission", LEFT, /deno run --allow-ffi/);
}

function refused(
  code: LinkErrorCode,
  name: string,
  message: RegExp,
  options: { libraryPath?: string } = {},
): void {
  assert.throws(() => new PcapLink(name, options), (error: unknown) => {
    assert.ok(error instanceof LinkError, `${error}`);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

const SCENARIOS: Record<string, () => void | Promise<void>> = {
  exchange,
  ownFrames,
  padding,
  otherFrames,
  drainLimit,
  closeWhileWaiting,
  closeWhileDraining,
  facts,
  drops,
  flood,
  slowDevice,
  downAndUp,
  removed,
  loopback,
  loopbackProcesses,
  serveLoopback,
  interfaces,
  errors,
  withoutCapability,
  withoutPermission,
};

if (import.meta.main) {
  const scenario = SCENARIOS[Deno.args[0] ?? ""];
  assert.ok(scenario, `No scenario ${Deno.args[0]}`);
  await scenario();
}
