import assert from "node:assert/strict";
import { Port, Target } from "../../aoe/mod.ts";
import { bytesOf, flushRequest, readRequest, writeRequest } from "./frames.ts";
import { RecordingLink } from "./recording_link.ts";
import { ScriptedDevice } from "./scripted_device.ts";
import { ataOutcome, ataReply, only, targetFixture } from "./target_fixture.ts";

function tagsOf(frames: readonly Uint8Array[]): number[] {
  return frames.map((frame) => ataReply(frame).header.tag);
}

Deno.test("a WRITE is answered when its ticket has settled, and not before", async () => {
  const { ask, device, link } = targetFixture();
  assert.deepEqual(ask(writeRequest(0, 2, 1, { tag: 1 })), []);
  assert.deepEqual(ask(writeRequest(2, 2, 2, { tag: 2 })), []);
  await device.settle(true, 1);
  assert.deepEqual(tagsOf(link.flushed), [1]);
  await device.settle(true);
  assert.deepEqual(tagsOf(link.flushed), [1, 2]);
});

Deno.test("a WRITE that may be answered early is not", async () => {
  const { ask, device, link } = targetFixture();
  const frame = writeRequest(0, 1, 1);
  frame[24]! |= 0x02;
  assert.deepEqual(ask(frame), []);
  await device.settle(true);
  const { argument } = ataReply(only(link.flushed));
  assert.deepEqual([argument.flags, argument.commandStatus], [0x43, 0x40]);
});

Deno.test("the reply to a WRITE is the whole frame of the protocol, padded to 60", async () => {
  const { ask, device, link } = targetFixture();
  ask(writeRequest(0x0a, 2, 1));
  await device.settle(true);
  assert.deepEqual(
    only(link.flushed),
    bytesOf(
      "020000000002 020000000001 88a2 18 00 0001 00 00 1234abcd" +
        "41 00 00 40 0a0000000000 0000" + "00".repeat(24),
    ),
  );
});

Deno.test("a write that could not be made durable is an ATA error, later ones are not", async () => {
  const { ask, device, link, target } = targetFixture();
  ask(writeRequest(0, 1, 1, { tag: 1 }));
  ask(writeRequest(1, 1, 1, { tag: 2 }));
  await device.settle(false);
  assert.deepEqual(tagsOf(link.flushed), [1, 2]);
  for (const frame of link.take()) {
    assert.deepEqual(ataOutcome([frame]), { status: 0x41, error: 0x04 });
  }
  assert.equal(target.statistics.ataErrors, 2);
  ask(writeRequest(1, 1, 1, { tag: 3 }));
  await device.settle(true);
  assert.deepEqual(ataOutcome(link.flushed), { status: 0x40, error: 0 });
});

Deno.test("a reply goes out on the link that its request came on", async () => {
  const { ask, target, device, link } = targetFixture();
  const other = new RecordingLink(1500, bytesOf("020000000009"));
  const port = new Port(other);
  ask(writeRequest(0, 1, 1, { tag: 1 }));
  target.handle(port, writeRequest(1, 1, 1, { tag: 2 }), 36 + 512);
  ask(writeRequest(2, 1, 1, { tag: 3 }));
  await device.settle(true);
  assert.deepEqual(tagsOf(link.flushed), [1, 3]);
  assert.deepEqual(tagsOf(other.flushed), [2]);
  assert.deepEqual(ataReply(only(other.flushed)).header.source, other.mac);
});

Deno.test("a reply due on a link that has closed is left out", async () => {
  const { ask, device, link, target } = targetFixture();
  ask(writeRequest(0, 1, 1));
  link.close();
  await device.settle(true);
  assert.deepEqual(link.take(), []);
  assert.equal(target.statistics.writes, 1);
});

Deno.test("a read sees a write that has not settled", () => {
  const { ask } = targetFixture();
  ask(writeRequest(4, 1, 0x77));
  assert.equal(ataReply(only(ask(readRequest(4, 1)))).bytes[0], 0x77);
});

for (const command of [0xe7, 0xea]) {
  const name = `FLUSH CACHE 0x${command.toString(16)}`;
  const flush = (tag: number): Uint8Array => {
    const frame = flushRequest({ tag });
    frame[27] = command;
    return frame;
  };

  Deno.test(`${name} is answered with 0x40 at once when nothing is unsettled`, () => {
    const { ask } = targetFixture();
    assert.deepEqual(ataOutcome(ask(flush(1))), { status: 0x40, error: 0 });
  });

  Deno.test(`${name} waits for every write before it and for none after it`, async () => {
    const { ask, device, link } = targetFixture();
    ask(writeRequest(0, 1, 1, { tag: 1 }));
    ask(writeRequest(1, 1, 1, { tag: 2 }));
    assert.deepEqual(ask(flush(3)), []);
    ask(writeRequest(2, 1, 1, { tag: 4 }));
    await device.settle(true, 2);
    assert.deepEqual(tagsOf(link.flushed), [1]);
    await device.settle(true, 1);
    assert.deepEqual(tagsOf(link.flushed), [1, 2, 3]);
  });

  Deno.test(`${name} fails when a write before it could not be made durable`, async () => {
    const { ask, device, link } = targetFixture();
    ask(writeRequest(0, 1, 1, { tag: 1 }));
    ask(flush(2));
    await device.settle(false);
    assert.deepEqual(ataOutcome(link.flushed.slice(1)), {
      status: 0x41,
      error: 0x04,
    });
  });
}

Deno.test("writes without room are held and applied in arrival order", async () => {
  const { ask, device, link, target } = targetFixture();
  device.room = 1;
  for (let tag = 1; tag <= 4; tag++) ask(writeRequest(0, 1, tag, { tag }));
  assert.deepEqual(device.taken, ["0:1:1"]);
  await device.makeRoom(2);
  assert.deepEqual(device.taken, ["0:1:1", "0:1:2", "0:1:3"]);
  await device.makeRoom(5);
  assert.deepEqual(device.taken, ["0:1:1", "0:1:2", "0:1:3", "0:1:4"]);
  await device.settle(true);
  assert.deepEqual(tagsOf(link.flushed), [1, 2, 3, 4]);
  assert.equal(target.statistics.heldWrites, 3);
  assert.equal(target.statistics.writes, 4);
});

Deno.test("a later write never passes a held one, even when there is room again", async () => {
  const { ask, device } = targetFixture();
  device.room = 0;
  ask(writeRequest(0, 1, 1));
  device.room = 1;
  ask(writeRequest(0, 1, 2));
  assert.deepEqual(device.taken, []);
  await device.makeRoom(2);
  assert.deepEqual(device.taken, ["0:1:1", "0:1:2"]);
});

Deno.test("a held write is a copy and is not acknowledged", async () => {
  const { ask, device, link } = targetFixture();
  device.room = 0;
  const frame = writeRequest(3, 2, 5);
  ask(frame);
  frame.fill(0xa5);
  await device.settle(true);
  assert.deepEqual(link.take(), []);
  await device.makeRoom(1);
  assert.deepEqual(device.taken, ["3:2:5"]);
  assert.equal(device.bytes[3 * 512 + 1023], 5);
});

Deno.test("a read passes a held write and sees what was acknowledged", async () => {
  const { ask, device, link } = targetFixture();
  ask(writeRequest(0, 1, 1));
  await device.settle(true);
  link.take();
  device.room = 0;
  ask(writeRequest(0, 1, 2));
  assert.equal(ataReply(only(ask(readRequest(0, 1)))).bytes[0], 1);
});

Deno.test("held writes are bounded and the excess is dropped", async () => {
  const { ask, device, link, target } = targetFixture({ heldWritesMax: 4 });
  device.room = 0;
  for (let tag = 1; tag <= 4; tag++) ask(writeRequest(tag, 1, tag, { tag }));
  assert.equal(target.statistics.droppedRequests, 2);
  await device.makeRoom(9);
  assert.deepEqual(device.taken, ["1:1:1", "2:1:2"]);
  for (let tag = 5; tag <= 6; tag++) ask(writeRequest(tag, 1, tag, { tag }));
  await device.settle(true);
  assert.deepEqual(tagsOf(link.flushed), [1, 2, 5, 6]);
});

Deno.test("held writes fail with an ATA error when there will never be room", async () => {
  const { ask, device, link } = targetFixture();
  device.room = 0;
  ask(writeRequest(0, 1, 1, { tag: 1 }));
  ask(writeRequest(0, 1, 2, { tag: 2 }));
  await device.breakDown();
  assert.deepEqual(tagsOf(link.flushed), [1, 2]);
  assert.equal(ataReply(link.flushed[0]!).argument.commandStatus, 0x41);
  assert.deepEqual(device.taken, []);
});

Deno.test("with every reply place taken writes are held until one comes free", async () => {
  const { ask, device, link } = targetFixture({ pendingRepliesMax: 2 });
  for (let tag = 1; tag <= 4; tag++) ask(writeRequest(tag, 1, tag, { tag }));
  assert.equal(device.taken.length, 2);
  await device.settle(true, 1);
  assert.deepEqual(device.taken, ["1:1:1", "2:1:2", "3:1:3"]);
  await device.settle(true);
  await device.settle(true);
  assert.deepEqual(tagsOf(link.flushed), [1, 2, 3, 4]);
});

Deno.test("the reply ring turns over many times without mixing replies up", async () => {
  const { target, port, device, link } = targetFixture({
    pendingRepliesMax: 3,
  });
  const sent: number[] = [];
  for (let tag = 1; tag <= 50; tag++) {
    target.handle(port, writeRequest(tag, 1, tag, { tag }), 36 + 512);
    sent.push(tag);
    if (tag % 2 === 0) await device.settle(true, tag % 4 === 0 ? 0 : 1);
  }
  await device.settle(true);
  assert.deepEqual(tagsOf(link.flushed), sent);
  assert.deepEqual(device.taken.map((it) => Number(it.split(":")[0])), sent);
});

Deno.test("stop() waits for unsettled writes and waiting reads, and forgets held writes", async () => {
  const { ask, device, target } = targetFixture();
  device.room = 1;
  device.atHand = false;
  ask(writeRequest(0, 1, 1));
  ask(writeRequest(1, 1, 1));
  ask(readRequest(0, 1));
  let stopped = false;
  const stopping = target.stop().then(() => stopped = true);
  await device.settle(true);
  await device.makeRoom(5);
  assert.equal(stopped, false);
  device.waitingReads[0]!.succeed();
  await stopping;
  assert.deepEqual(device.taken, ["0:1:1"]);
});

Deno.test("targets that share one journal answer each write exactly once", async () => {
  const link = new RecordingLink();
  const port = new Port(link);
  const devices = [new ScriptedDevice(), new ScriptedDevice()];
  const targets = devices.map((device, slot) =>
    new Target({ shelf: 1, slot, device })
  );
  targets[0]!.handle(port, writeRequest(0, 1, 1, { tag: 1 }), 36 + 512);
  targets[1]!.handle(port, writeRequest(0, 1, 1, { tag: 2 }), 36 + 512);
  await devices[0]!.settle(true);
  assert.deepEqual(tagsOf(link.flushed), [1]);
  // The journal tells again about tickets that have settled already.
  await devices[0]!.settle(true);
  await devices[1]!.settle(true);
  assert.deepEqual(tagsOf(link.flushed), [1, 2]);
});
