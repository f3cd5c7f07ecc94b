import assert from "node:assert/strict";
import { linkPair } from "../../aoe/mod.ts";
import { RawPeer, turns } from "./raw_peer.ts";

Deno.test("what one end of a pair sends and flushes the other receives in order", () => {
  const [one, other] = linkPair();
  for (let i = 0; i < 5; i++) one.send(new Uint8Array(100).fill(i), 80);
  assert.deepEqual(new RawPeer(other).take(), []);
  one.flush();
  const frames = new RawPeer(other).take();
  assert.deepEqual(frames.map((it) => [it.length, it[0]]), [
    [80, 0],
    [80, 1],
    [80, 2],
    [80, 3],
    [80, 4],
  ]);
  assert.deepEqual(new RawPeer(one).take(), []);
});

Deno.test("a pair pads short frames with zeros to 60 bytes, whatever was there before", () => {
  const [one, other] = linkPair({ queueFramesMax: 1 });
  one.send(new Uint8Array(100).fill(0xa5), 100);
  one.flush();
  new RawPeer(other).take();
  one.send(new Uint8Array(40).fill(0xa5), 24);
  one.flush();
  const [frame] = new RawPeer(other).take();
  assert.equal(frame!.length, 60);
  assert.deepEqual(frame!.subarray(24), new Uint8Array(36));
});

Deno.test("wait() of a pair resolves on a flush, on frames that wait, and on close", async () => {
  const [one, other] = linkPair();
  let woken = 0;
  const waiting = other.wait().then(() => woken++);
  one.send(new Uint8Array(60), 60);
  await turns();
  assert.equal(woken, 0);
  one.flush();
  await waiting;
  await other.wait();
  new RawPeer(other).take();
  const last = other.wait();
  other.close();
  await last;
  await other.wait();
  assert.equal(other.closed, true);
});

Deno.test("drain() of a pair stops at the given count", () => {
  const [one, other] = linkPair();
  for (let i = 0; i < 5; i++) one.send(new Uint8Array(60), 60);
  one.flush();
  assert.equal(other.drain(() => {}, 3), 3);
  assert.equal(other.drain(() => {}, 3), 2);
  assert.equal(other.drain(() => {}, 3), 0);
});

Deno.test("a pair drops what the receiver has no room for and counts it there", () => {
  const [one, other] = linkPair({ queueFramesMax: 2 });
  for (let i = 0; i < 5; i++) {
    assert.equal(one.send(new Uint8Array(60).fill(i), 60), true);
  }
  one.flush();
  assert.deepEqual(new RawPeer(other).take().map((it) => it[0]), [0, 1]);
  assert.equal(other.statistics.framesDropped, 3);
  assert.equal(one.statistics.framesSent, 5);
});

Deno.test("a pair refuses frames longer than the MTU allows, and any once closed", () => {
  const [one, other] = linkPair({ mtu: 1500 });
  assert.equal(one.send(new Uint8Array(1514), 1514), true);
  assert.equal(one.send(new Uint8Array(1515), 1515), false);
  other.close();
  assert.equal(one.send(new Uint8Array(60), 60), true);
  one.close();
  one.close();
  assert.equal(one.send(new Uint8Array(60), 60), false);
  assert.equal(one.statistics.sendErrors, 2);
});

Deno.test("a handler may close the link that is being drained", () => {
  const [one, other] = linkPair();
  for (let i = 0; i < 3; i++) one.send(new Uint8Array(60), 60);
  one.flush();
  assert.equal(other.drain(() => other.close(), 3), 1);
  assert.equal(other.drain(() => {}, 3), 0);
});
