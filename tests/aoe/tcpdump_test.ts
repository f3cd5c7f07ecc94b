/**
 * Every kind of frame that the project sends, decoded by tcpdump: an
 * independent reader of the protocol must find the values that were meant.
 */

import assert from "node:assert/strict";
import {
  AoeServer,
  DirectiveCommand,
  Initiator,
  type Link,
  linkPair,
  MemoryDevice,
  Target,
} from "../../aoe/mod.ts";
import { findProgram } from "../../setup/requirements.ts";
import { testUnless } from "../obstacle.ts";
import {
  CLIENT_MAC,
  configRequest,
  hostMac,
  maskRequest,
  readRequest,
  request,
  reserveRequest,
  text,
} from "./frames.ts";
import { pcapFile } from "./pcap_file.ts";
import { targetFixture } from "./target_fixture.ts";
import { tcpdumpText } from "./tcpdump_text.ts";

const TCPDUMP: string | undefined = findProgram("tcpdump");
const RESERVE = 3;
const MACS: readonly Uint8Array[] = [
  CLIENT_MAC,
  ...[1, 2, 3, 4, 5].map(hostMac),
];

/** A test that needs tcpdump. */
function dumpTest(name: string, body: () => Promise<void>): void {
  const obstacle = TCPDUMP === undefined
    ? "no tcpdump: apt-get install --no-install-recommends tcpdump"
    : undefined;
  testUnless(obstacle, { name, fn: body });
}

/** What tcpdump says, frame by frame. */
async function dump(frames: readonly Uint8Array[]): Promise<string[][]> {
  assert.ok(TCPDUMP, 'tcpdump is missing: type "apt-get install tcpdump"');
  const child = new Deno.Command(TCPDUMP, {
    args: ["-e", "-vv", "-n", "-t", "-r", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(pcapFile(frames));
  await writer.close();
  const { stdout, stderr, success } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const packets = new TextDecoder().decode(stdout).trimEnd().split(/\n(?!\t)/);
  return packets.map((packet) => packet.split(/\n\t/));
}

/**
 * The frame as it is on the wire, padded to 60 bytes. tcpdump takes the padding
 * of a short Reserve/Release for addresses that are not counted, so that these
 * stay as they are.
 */
function onWire(frame: Uint8Array): Uint8Array {
  if (frame[19] === RESERVE) {
    return frame.slice(0, 26 + 6 * frame[25]!);
  }
  const wire = new Uint8Array(Math.max(60, frame.length));
  wire.set(frame);
  return wire;
}

async function requireSame(frames: readonly Uint8Array[]): Promise<void> {
  const wire = frames.map(onWire);
  const decoded = await dump(wire);
  assert.equal(decoded.length, wire.length);
  wire.forEach((frame, i) => assert.deepEqual(decoded[i], tcpdumpText(frame)));
}

/** Keeps a copy of everything that is sent on a link. */
function record(link: Link, frames: Uint8Array[]): void {
  const send = link.send.bind(link);
  link.send = (frame, length) => {
    frames.push(frame.slice(0, length));
    return send(frame, length);
  };
}

dumpTest(
  "tcpdump reads everything that initiator and server say to each other",
  async () => {
    const frames: Uint8Array[] = [];
    const [near, far] = linkPair({ mtu: 9000 });
    record(near, frames);
    record(far, frames);
    const server = new AoeServer();
    const device = new MemoryDevice({ sectorCount: 2 ** 16 });
    server.addLink(near);
    server.addTarget(
      new Target({
        shelf: 0x1234,
        slot: 5,
        device,
        configString: text("mine"),
      }),
    );
    const running = server.run();
    const initiator = new Initiator(far);
    await initiator.discover({ collectMs: 1 });
    const disk = await initiator.attach({ shelf: 0x1234, slot: 5 });
    await disk.identify();
    await disk.write(0x5678, new Uint8Array(24 * 512).fill(0x5a));
    await disk.read({ lba: 0x5678, sectorCount: 24 });
    await disk.flush();
    await disk.trim([{ lba: 0x5678, sectorCount: 8 }]);
    await disk.ata({ command: 0x42, sectorCount: 8 });
    await disk.ata({ command: 0xe5 });
    await assert.rejects(disk.read({ lba: 2 ** 47 + 2 ** 31, sectorCount: 1 }));
    for (const command of [0, 1, 2, 3, 4]) {
      await disk.queryConfig(command, text(command === 4 ? "yours" : "mine"));
    }
    await disk.mask(
      MACS.map((mac) => ({ command: DirectiveCommand.Add, mac })),
    );
    await disk.mask([{ command: DirectiveCommand.Delete, mac: MACS[5]! }]);
    await disk.mask();
    await disk.reserve(MACS);
    await disk.reservation();
    await disk.reserve([CLIENT_MAC], { force: true });
    await disk.reserve([]);
    initiator.close();
    await server.close();
    await running;
    assert.ok(frames.length > 40, `${frames.length} frames`);
    await requireSame(frames);
  },
);

dumpTest("tcpdump reads every error of a target, and its adverts", async () => {
  const { ask, target, port, link } = targetFixture({
    configString: text("mine"),
  });
  const bad = maskRequest([{ command: DirectiveCommand.Add, mac: CLIENT_MAC }]);
  bad[28 + 1] = 7;
  const full = maskRequest(Array.from({ length: 186 }, (_, i) => ({
    command: DirectiveCommand.Add,
    mac: hostMac(i),
  })));
  target.replaceState({ ...target.state, reservation: [hostMac(1)] });
  const replies = [
    request(0xf7, 36),
    request(0, 4),
    configRequest(3, text("yours")),
    configRequest(0, text(""), { version: 3 }),
    readRequest(0, 1),
    readRequest(0, 0),
    reserveRequest(1, MACS),
    bad,
    full,
  ].flatMap((frame) => ask(frame));
  assert.equal(replies.length, 9);
  target.replaceState({ ...target.state, mask: [] });
  target.advertise(port);
  target.replaceState({ ...target.state, mask: [hostMac(1)] });
  target.advertise(port);
  await requireSame([...replies, ...link.take()]);
});
