import assert from "node:assert/strict";
import {
  AoeServer,
  Initiator,
  linkPair,
  MemoryDevice,
  Target,
} from "../../aoe/mod.ts";
import { assertSame } from "../assert_same.ts";
import { fuzzServer } from "./fuzz_server.ts";
import { HostileFrames } from "./hostile_frames.ts";

const FRAMES = 20_000;
const CHECK_EVERY = 50;

for (const seed of [1, 2, 3]) {
  Deno.test(`100000 hostile frames of seed ${seed} neither throw nor disturb the requests between them`, async () => {
    const report = await fuzzServer(seed, 100_000);
    assert.equal(report.hostileFrames, 100_000);
    assert.ok(report.replies > 40_000, `${report.replies} replies`);
    assert.ok(report.witnessAnswers > 1_000);
  });
}

Deno.test("20000 hostile answers neither throw in an initiator nor settle what they do not answer", async () => {
  const hostile = new HostileFrames(43);
  const [near, far] = linkPair({ mtu: 9000, queueFramesMax: 64 });
  const server = new AoeServer();
  server.addLink(near);
  const device = new MemoryDevice({ sectorCount: 1024 });
  server.addTarget(new Target({ shelf: 1, slot: 0, device }));
  const running = server.run();
  const initiator = new Initiator(far);
  const disk = await initiator.attach({ shelf: 1, slot: 0 });
  for (let i = 0; i < FRAMES; i++) {
    const length = hostile.next();
    hostile.bytes[14]! |= 0x08;
    near.send(hostile.bytes, length);
    if (i % CHECK_EVERY !== 0) continue;
    near.flush();
    const bytes = new Uint8Array(8 * 512).fill(i);
    await disk.write(8, bytes);
    assertSame(await disk.read({ lba: 8, sectorCount: 8 }), bytes);
  }
  initiator.close();
  await server.close();
  await running;
});
