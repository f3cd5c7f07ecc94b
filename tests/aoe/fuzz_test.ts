import assert from "node:assert/strict";
import {
  AoeServer,
  decodeHeader,
  Initiator,
  linkPair,
  MemoryDevice,
  Target,
} from "../../aoe/mod.ts";
import {
  ataRequest,
  configRequest,
  EVERYBODY,
  flushRequest,
  readRequest,
  request,
  text,
  writeRequest,
} from "./frames.ts";
import { randomBytes, randomInteger, seededRandom } from "./random.ts";
import { RecordingLink } from "./recording_link.ts";
import { ataReply } from "./target_fixture.ts";

const FRAMES = 20_000;
const CHECK_EVERY = 50;

const CORPUS: readonly Uint8Array[] = [
  readRequest(0, 1),
  readRequest(1000, 16),
  writeRequest(512, 2, 0xff),
  flushRequest(),
  ataRequest({ sectorCount: 1, commandStatus: 0xec, lba: 0xa0000000 }),
  ataRequest({ sectorCount: 2, commandStatus: 0x20, lba: 0xe0000001 }),
  configRequest(0, text(""), EVERYBODY),
  configRequest(3, text("some string")),
  configRequest(2, text("some")),
  request(2, 36),
  request(3, 36),
  request(0xf7, 36, EVERYBODY),
];

/** A frame that is random, or one of the corpus with some bytes changed or cut. */
function hostileFrame(random: () => number): Uint8Array {
  if (random() < 0.1) return randomBytes(random, randomInteger(random, 0, 200));
  const frame = CORPUS[randomInteger(random, 0, CORPUS.length - 1)]!.slice();
  const changes = randomInteger(random, 0, 4);
  for (let i = 0; i < changes; i++) {
    // Mostly behind the Ethernet addresses: elsewhere the frame is just ignored.
    const at = randomInteger(random, random() < 0.05 ? 0 : 14, 40);
    frame[Math.min(at, frame.length - 1)] = randomInteger(random, 0, 255);
  }
  return random() < 0.3
    ? frame.slice(0, randomInteger(random, 0, frame.length))
    : frame;
}

Deno.test("20000 hostile frames neither throw nor disturb the requests between them", async () => {
  const random = seededRandom(42);
  const link = new RecordingLink();
  const device = new MemoryDevice({ sectorCount: 1024 });
  const target = new Target({ shelf: 1, slot: 0, device });
  // The frame loop itself, fed from a list instead of a network.
  const server = new AoeServer();
  const waiting: Uint8Array[] = [];
  let fed: () => void = () => {};
  link.wait = () => new Promise((resolve) => fed = resolve);
  link.drain = (handler) => {
    const frame = waiting.shift();
    if (frame === undefined) return 0;
    handler(frame, frame.length);
    return 1;
  };
  link.close = () => {
    link.closed = true;
    fed();
  };
  server.addLink(link);
  server.addTarget(target);
  const running = server.run();
  const feed = async (frame: Uint8Array): Promise<Uint8Array[]> => {
    waiting.push(frame);
    fed();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    return link.take();
  };
  link.take();
  let replies = 0;
  for (let i = 0; i < FRAMES; i++) {
    const answers = await feed(hostileFrame(random));
    for (const frame of answers) {
      const header = decodeHeader(frame);
      assert.deepEqual([header.version, header.shelf, header.slot], [1, 1, 0]);
      assert.equal(header.flags & 0x08, 0x08);
      replies++;
    }
    if (i % CHECK_EVERY !== 0) continue;
    const [answer] = await feed(readRequest(0, 1, { tag: i }));
    assert.equal(ataReply(answer!).header.tag, i);
    assert.equal(ataReply(answer!).argument.commandStatus, 0x40);
  }
  assert.ok(replies > FRAMES / 4, `${replies} replies`);
  await server.close();
  await running;
});

Deno.test("20000 hostile answers neither throw in an initiator nor settle what they do not answer", async () => {
  const random = seededRandom(43);
  const [near, far] = linkPair({ mtu: 9000, queueFramesMax: 64 });
  const server = new AoeServer();
  server.addLink(near);
  const device = new MemoryDevice({ sectorCount: 1024 });
  server.addTarget(new Target({ shelf: 1, slot: 0, device }));
  const running = server.run();
  const initiator = new Initiator(far);
  const disk = await initiator.attach({ shelf: 1, slot: 0 });
  for (let i = 0; i < FRAMES; i++) {
    const frame = hostileFrame(random);
    if (frame.length > 14) frame[14]! |= 0x08;
    near.send(frame, frame.length);
    if (i % CHECK_EVERY !== 0) continue;
    near.flush();
    const bytes = new Uint8Array(8 * 512).fill(i);
    await disk.write(8, bytes);
    assert.deepEqual(await disk.read({ lba: 8, sectorCount: 8 }), bytes);
  }
  initiator.close();
  await server.close();
  await running;
});
