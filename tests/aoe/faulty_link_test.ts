import assert from "node:assert/strict";
import { FaultyLink, type FaultyLinkOptions, linkPair } from "../../aoe/mod.ts";
import { seededRandom } from "./random.ts";
import { RawPeer } from "./raw_peer.ts";

const FRAMES = 2000;

/** Numbers of the frames that arrive when 0, 1, 2... are sent through a faulty link. */
function sendThrough(options: FaultyLinkOptions): {
  arrived: number[];
  faulty: FaultyLink;
} {
  const [near, far] = linkPair({ queueFramesMax: 2 * FRAMES });
  const faulty = new FaultyLink(near, options);
  for (let i = 0; i < FRAMES; i++) faulty.send(numbered(i), 60);
  faulty.flush();
  return { arrived: new RawPeer(far).take().map(numberOf), faulty };
}

function numbered(n: number): Uint8Array {
  const frame = new Uint8Array(60);
  new DataView(frame.buffer).setUint32(0, n);
  return frame;
}

function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer).getUint32(0);
}

Deno.test("a faulty link without faults passes everything in order, both ways", () => {
  const { arrived } = sendThrough({ random: seededRandom(1) });
  assert.deepEqual(arrived, Array.from({ length: FRAMES }, (_, i) => i));
  const [near, far] = linkPair();
  const faulty = new FaultyLink(near, { random: seededRandom(1) });
  far.send(numbered(7), 60);
  far.flush();
  assert.deepEqual(new RawPeer(faulty).take().map(numberOf), [7]);
});

Deno.test("a faulty link loses the share it is told to", () => {
  const { arrived, faulty } = sendThrough({
    random: seededRandom(2),
    lossRatio: 0.25,
  });
  assert.equal(arrived.length, FRAMES - faulty.faults.lost);
  assert.ok(Math.abs(faulty.faults.lost / FRAMES - 0.25) < 0.05);
});

Deno.test("a faulty link duplicates the share it is told to", () => {
  const { arrived, faulty } = sendThrough({
    random: seededRandom(3),
    duplicateRatio: 0.25,
  });
  assert.equal(arrived.length, FRAMES + faulty.faults.duplicated);
  assert.ok(Math.abs(faulty.faults.duplicated / FRAMES - 0.25) < 0.05);
  assert.equal(new Set(arrived).size, FRAMES);
});

Deno.test("a faulty link lets later frames overtake, by no more than it is told to", () => {
  const { arrived, faulty } = sendThrough({
    random: seededRandom(4),
    delayRatio: 0.25,
    delayFramesMax: 5,
  });
  assert.ok(faulty.faults.delayed > FRAMES / 5);
  let overtaken = 0;
  for (const [at, n] of arrived.entries()) {
    const before = arrived.slice(0, at).filter((other) => other > n).length;
    assert.ok(before <= 5);
    overtaken += before > 0 ? 1 : 0;
  }
  assert.ok(overtaken > FRAMES / 10);
});

Deno.test("faults strike received frames too", () => {
  const [near, far] = linkPair({ queueFramesMax: FRAMES });
  const faulty = new FaultyLink(near, {
    random: seededRandom(5),
    lossRatio: 0.5,
    duplicateRatio: 0.1,
    delayRatio: 0.1,
  });
  for (let i = 0; i < FRAMES; i++) far.send(numbered(i), 60);
  far.flush();
  const arrived = new RawPeer(faulty).take().map(numberOf);
  assert.ok(faulty.faults.lost > 0.4 * FRAMES);
  assert.ok(arrived.some((n, at) => at > 0 && n < arrived[at - 1]!));
});

Deno.test("the same seed gives the same faults, another one others", () => {
  const run = (seed: number): number[] =>
    sendThrough({
      random: seededRandom(seed),
      lossRatio: 0.1,
      duplicateRatio: 0.1,
      delayRatio: 0.1,
    }).arrived;
  assert.deepEqual(run(6), run(6));
  assert.notDeepEqual(run(6), run(7));
});

Deno.test("loseDelayed() loses what is still on its way", () => {
  const [near, far] = linkPair();
  const faulty = new FaultyLink(near, {
    random: () => 0.5,
    delayRatio: 1,
    delayFramesMax: 4,
  });
  for (let i = 0; i < 2; i++) faulty.send(numbered(i), 60);
  faulty.loseDelayed();
  for (let i = 2; i < 12; i++) faulty.send(numbered(i), 60);
  faulty.flush();
  const arrived = new RawPeer(far).take().map(numberOf);
  assert.ok(arrived.length > 0 && Math.min(...arrived) === 2);
  assert.equal(faulty.faults.lost, 2);
});

Deno.test("a faulty link closes the link it wraps", async () => {
  const [near] = linkPair({ names: ["a", "b"] });
  const faulty = new FaultyLink(near, { random: () => 0 });
  assert.deepEqual([faulty.name, faulty.mtu, faulty.mac], [
    "a",
    1500,
    near.mac,
  ]);
  const waiting = faulty.wait();
  faulty.close();
  await waiting;
  assert.equal(near.closed, true);
  assert.equal(faulty.send(numbered(1), 60), false);
});
