import assert from "node:assert/strict";
import { decodeIdentify } from "../../aoe/mod.ts";
import {
  ataRequest,
  bytesOf,
  CLIENT_MAC,
  EVERYBODY,
  flushRequest,
  readRequest,
  request,
  SERVER_MAC,
  writeRequest,
} from "./frames.ts";
import { ataOutcome, ataReply, only, targetFixture } from "./target_fixture.ts";

const ABORTED = { status: 0x41, error: 0x04 };
const NOT_FOUND = { status: 0x41, error: 0x10 };
const UNREADABLE = { status: 0x41, error: 0x40 };
const OK = { status: 0x40, error: 0 };

Deno.test("READ EXT is answered byte for byte as the protocol says", () => {
  const { ask, device } = targetFixture();
  device.bytes.fill(0x5a, 3 * 512, 4 * 512);
  const reply = only(ask(bytesOf(
    "020000000001 020000000002 88a2 10 00 0001 00 00 80000001" +
      "40 00 01 24 030000000000 0000" + "00".repeat(24),
  )));
  assert.deepEqual(
    reply,
    bytesOf(
      "020000000002 020000000001 88a2 18 00 0001 00 00 80000001" +
        "40 00 00 40 030000000000 0000" + "5a".repeat(512),
    ),
  );
});

Deno.test("reserved fields are zero in an answer, whatever the request has there", () => {
  const { ask } = targetFixture();
  for (
    const frame of [
      readRequest(0, 1, { flags: 0x03 }),
      readRequest(0, 0),
      writeRequest(0, 0, 0),
    ]
  ) {
    frame.fill(0xff, 34, 36);
    const reply = only(ask(frame));
    assert.deepEqual([reply[14], reply[34], reply[35]], [0x18, 0, 0]);
  }
});

Deno.test("a READ response has exactly 36 + 512 n bytes", () => {
  const { ask } = targetFixture();
  for (const sectorCount of [1, 2, 7, 8, 16]) {
    const reply = only(ask(readRequest(0, sectorCount)));
    assert.equal(reply.length, 36 + 512 * sectorCount);
  }
});

Deno.test("payload that a READ does not need is ignored", () => {
  const { ask } = targetFixture();
  // The path probe of Linux: as many zero bytes as the frame can carry.
  const probe = readRequest(0, 2, { payload: new Uint8Array(8192) });
  assert.equal(only(ask(probe)).length, 36 + 1024);
});

Deno.test("payload that an IDENTIFY does not need is ignored", () => {
  const { ask } = targetFixture();
  // As much as aoeping and aoe-sancheck send along.
  for (const length of [1024, 8964]) {
    const frame = ataRequest(
      { sectorCount: 1, commandStatus: 0xec },
      { payload: new Uint8Array(length).fill(0xa5) },
    );
    const reply = only(ask(frame));
    assert.equal(reply.length, 36 + 512);
    assert.equal(decodeIdentify(reply, 36).serial, "S");
  }
});

Deno.test("28-bit and 48-bit commands address the same sectors", async () => {
  const { ask, device, link } = targetFixture();
  const payload = new Uint8Array(512).fill(7);
  ask(ataRequest(
    { flags: 1, sectorCount: 1, commandStatus: 0x30, lba: 0xe0000005 },
    { payload },
  ));
  await device.settle(true);
  assert.deepEqual(ataOutcome(link.take()), OK);
  const short = ask(
    ataRequest({ sectorCount: 1, commandStatus: 0x20, lba: 0xe0000005 }),
  );
  const long = ask(readRequest(5, 1));
  assert.deepEqual(ataReply(only(short)).bytes, payload);
  assert.deepEqual(ataReply(only(long)).bytes, payload);
});

Deno.test("48-bit addresses reach past 2^32 sectors", () => {
  const { ask, device } = targetFixture();
  device.sectorCount = 2 ** 40;
  device.atHand = false;
  ask(readRequest(2 ** 40 - 8, 8));
  assert.deepEqual(device.waitingReads[0]!.range, {
    lba: 2 ** 40 - 8,
    sectorCount: 8,
  });
});

Deno.test("direction and width are those of the command, whatever the flags say", () => {
  const { ask, device } = targetFixture();
  const sector = new Uint8Array(512).fill(0x5a);
  device.bytes.set(sector, 5 * 512);
  for (const flags of [0x00, 0x01, 0x40, 0x41]) {
    const read = (commandStatus: number, lba: number): Uint8Array[] =>
      ask(ataRequest({ flags, sectorCount: 1, commandStatus, lba }));
    assert.deepEqual(ataReply(only(read(0x20, 0xe0000005))).bytes, sector);
    assert.deepEqual(ataReply(only(read(0x24, 5))).bytes, sector);
    // The low 28 bits alone would be sector 5.
    assert.deepEqual(ataOutcome(read(0x24, 2 ** 28 + 5)), NOT_FOUND);
    const write = ataRequest(
      { flags, sectorCount: 1, commandStatus: 0x34, lba: 7 },
      { payload: sector },
    );
    assert.deepEqual(ask(write), [], "it waits to be durable");
    assert.equal(device.taken.pop(), "7:1:90");
  }
});

Deno.test("the D flag changes nothing and comes back", () => {
  const { ask, device } = targetFixture();
  device.bytes.fill(0x5a, 5 * 512, 6 * 512);
  for (const flags of [0x50, 0x10]) {
    const { argument, bytes } = ataReply(only(ask(
      ataRequest({ flags, sectorCount: 1, commandStatus: 0x24, lba: 5 }),
    )));
    assert.deepEqual([argument.flags, argument.commandStatus], [flags, 0x40]);
    assert.equal(bytes[511], 0x5a);
  }
});

Deno.test("IDENTIFY is answered with the device's names and its size of now", () => {
  const { ask, device } = targetFixture();
  device.sectorCount = 2 ** 33;
  const reply = only(ask(ataRequest(
    { sectorCount: 1, commandStatus: 0xec, lba: 0xa0000000 },
  )));
  assert.equal(reply.length, 36 + 512);
  const { serial, sectorCount } = decodeIdentify(reply, 36);
  assert.deepEqual({ serial, sectorCount }, {
    serial: "S",
    sectorCount: 2 ** 33,
  });
  assert.equal(ataReply(reply).argument.commandStatus, 0x40);
});

Deno.test("a command with count 0 is an ATA abort", () => {
  const { ask } = targetFixture();
  assert.deepEqual(ataOutcome(ask(readRequest(0, 0))), ABORTED);
  assert.deepEqual(ataOutcome(ask(writeRequest(0, 0, 1))), ABORTED);
});

for (
  const { mtu, sectorCount } of [
    { mtu: 1500, sectorCount: 2 },
    { mtu: 4096, sectorCount: 7 },
    { mtu: 4132, sectorCount: 8 },
    { mtu: 9000, sectorCount: 16 },
    { mtu: 65536, sectorCount: 16 },
  ]
) {
  Deno.test(`on MTU ${mtu} ${sectorCount} sectors are served and one more is an ATA abort`, () => {
    const { ask, device } = targetFixture({ mtu });
    assert.equal(
      ataOutcome(ask(readRequest(0, sectorCount))).status,
      0x40,
    );
    assert.deepEqual(ataOutcome(ask(readRequest(0, sectorCount + 1))), ABORTED);
    const excess = writeRequest(0, sectorCount + 1, 1);
    assert.deepEqual(ataOutcome(ask(excess)), ABORTED);
    assert.deepEqual(device.taken, []);
  });
}

Deno.test("sectorCountMax raises the limit on the loopback interface to 120", () => {
  const { ask } = targetFixture({ mtu: 65536, sectorCountMax: 128 });
  assert.equal(only(ask(readRequest(0, 120))).length, 36 + 120 * 512);
  assert.deepEqual(ataOutcome(ask(readRequest(0, 121))), ABORTED);
});

Deno.test("a command past the end is IDNF, up to the last sector it is served", () => {
  const { ask, device } = targetFixture();
  assert.equal(ataOutcome(ask(readRequest(1016, 8))).status, 0x40);
  assert.deepEqual(ataOutcome(ask(readRequest(1017, 8))), NOT_FOUND);
  assert.deepEqual(ataOutcome(ask(readRequest(2 ** 48 - 1, 1))), NOT_FOUND);
  assert.deepEqual(ataOutcome(ask(writeRequest(1023, 2, 1))), NOT_FOUND);
  assert.deepEqual(device.taken, []);
});

Deno.test("a WRITE whose payload is short is aborted and never partly applied", () => {
  const { ask, device } = targetFixture();
  const whole = writeRequest(0, 2, 1);
  for (const length of [36, 60, 36 + 512, 36 + 1023]) {
    assert.deepEqual(ataOutcome(ask(whole, length)), ABORTED);
  }
  assert.deepEqual(device.taken, []);
});

Deno.test("a WRITE with more payload than it needs is taken", () => {
  const { ask, device } = targetFixture();
  const frame = writeRequest(0, 2, 9);
  frame[26] = 1;
  assert.deepEqual(ask(frame), []);
  assert.deepEqual(device.taken, ["0:1:9"]);
});

Deno.test("a WRITE to a read-only disk is an ATA abort", () => {
  const { ask, device } = targetFixture();
  device.readOnly = true;
  assert.deepEqual(ataOutcome(ask(writeRequest(0, 1, 1))), ABORTED);
  assert.deepEqual(device.taken, []);
  assert.deepEqual(ataOutcome(ask(flushRequest())), OK);
  assert.equal(ataOutcome(ask(readRequest(0, 1))).status, 0x40);
});

Deno.test("every ATA command that is not served is an ATA abort without the E flag", () => {
  const served = new Set([
    ...[0x20, 0x24, 0x30, 0x34, 0x40, 0x42, 0xe7, 0xea, 0xec],
    ...[0x94, 0x95, 0x96, 0x97, 0x98, 0x99],
    ...[0xe0, 0xe1, 0xe2, 0xe3, 0xe5, 0xe6],
  ]);
  const { ask } = targetFixture();
  for (let command = 0; command < 256; command++) {
    if (served.has(command)) continue;
    const outcome = ataOutcome(ask(ataRequest({ commandStatus: command })));
    assert.deepEqual(outcome, ABORTED);
  }
});

Deno.test("a failed command keeps address and count and sets ERR for iPXE", () => {
  const { ask } = targetFixture();
  const { argument } = ataReply(only(ask(readRequest(0x10203040506, 3))));
  assert.equal(argument.lba, 0x10203040506);
  assert.equal(argument.sectorCount, 3);
  assert.equal(argument.flags, 0x40);
  assert.equal(argument.commandStatus & 0x01, 0x01);
});

Deno.test("a read that must wait is answered when it is there", async () => {
  const { ask, device, link, target } = targetFixture();
  device.atHand = false;
  device.bytes.fill(3, 0, 512);
  device.bytes.fill(4, 512, 1024);
  assert.deepEqual(ask(readRequest(0, 1, { tag: 1 })), []);
  assert.deepEqual(ask(readRequest(1, 1, { tag: 2 })), []);
  device.waitingReads[1]!.succeed();
  device.waitingReads[0]!.succeed();
  await new Promise((resolve) => setImmediate(resolve));
  const replies = link.flushed.map(ataReply);
  assert.deepEqual(replies.map((it) => it.header.tag), [2, 1]);
  assert.deepEqual(replies.map((it) => it.bytes[511]), [4, 3]);
  assert.equal(target.statistics.reads, 2);
});

Deno.test("a read that cannot be verified is UNC and carries no data", async () => {
  const { ask, device, link } = targetFixture();
  device.atHand = false;
  ask(readRequest(8, 8));
  device.waitingReads[0]!.fail();
  await new Promise((resolve) => setImmediate(resolve));
  const reply = only(link.flushed);
  assert.deepEqual(ataOutcome([reply]), UNREADABLE);
  assert.equal(reply.length, 36);
});

Deno.test("reads that must wait are bounded, and places come free again", async () => {
  const { ask, device, link, target } = targetFixture({ pendingReadsMax: 4 });
  device.atHand = false;
  for (let tag = 1; tag <= 3; tag++) ask(readRequest(0, 1, { tag }));
  assert.equal(device.waitingReads.length, 2);
  assert.equal(target.statistics.droppedRequests, 1);
  device.waitingReads[0]!.succeed();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(link.flushed.length, 1);
  ask(readRequest(0, 1, { tag: 4 }));
  assert.equal(device.waitingReads.length, 3);
});

Deno.test("a reply to a broadcast carries the target's own address and MAC", () => {
  const { ask } = targetFixture();
  const reply = only(ask(readRequest(0, 1, EVERYBODY)));
  const { header } = ataReply(reply);
  assert.deepEqual(
    [header.shelf, header.slot, header.source, header.destination],
    [1, 0, SERVER_MAC, CLIENT_MAC],
  );
});

Deno.test("an ATA request without its whole argument is a bad argument", () => {
  const { ask } = targetFixture();
  const { header } = ataReply(
    new Uint8Array([...only(ask(request(0, 11))), ...new Uint8Array(36)]),
  );
  assert.deepEqual([header.flags, header.error], [0x0c, 2]);
});

Deno.test("the tag is copied verbatim", () => {
  const { ask } = targetFixture();
  for (const tag of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    assert.equal(
      ataReply(only(ask(readRequest(0, 1, { tag })))).header.tag,
      tag,
    );
  }
});

Deno.test("a tag may come again with another request", () => {
  const { ask } = targetFixture();
  for (const sectorCount of [1, 2, 2]) {
    const reply = only(ask(readRequest(0, sectorCount, { tag: 7 })));
    assert.equal(reply.length, 36 + 512 * sectorCount);
  }
});
