import assert from "node:assert/strict";
import { decodeIdentify } from "../../aoe/mod.ts";
import { ataRequest, readRequest } from "./frames.ts";
import { ataOutcome, ataReply, only, targetFixture } from "./target_fixture.ts";

const ABORTED = { status: 0x41, error: 0x04 };
const OK = { status: 0x40, error: 0 };
const SMART_LBA = 0xc24f00;

Deno.test("NOP is aborted, as ATA has it", () => {
  const { ask } = targetFixture();
  assert.deepEqual(ataOutcome(ask(ataRequest({ commandStatus: 0 }))), ABORTED);
});

for (const command of [0xe5, 0x98]) {
  Deno.test(`CHECK POWER MODE 0x${command.toString(16)} says active`, () => {
    const { ask } = targetFixture();
    const reply = only(ask(ataRequest({ commandStatus: command })));
    assert.equal(ataReply(reply).argument.commandStatus, 0x40);
    assert.equal(ataReply(reply).argument.sectorCount, 0xff);
  });
}

Deno.test("the other power commands succeed and the disk stays awake", () => {
  const { ask } = targetFixture();
  const commands = [0xe0, 0xe1, 0xe2, 0xe3, 0xe6, 0x94, 0x95, 0x96, 0x97, 0x99];
  for (const command of commands) {
    const frame = ataRequest({ commandStatus: command, sectorCount: 12 });
    assert.deepEqual(ataOutcome(ask(frame)), OK);
    assert.equal(ataOutcome(ask(readRequest(0, 1))).status, 0x40);
  }
});

Deno.test("SET FEATURES agrees that there is no write cache and aborts all else", () => {
  const { ask } = targetFixture();
  for (let feature = 0; feature < 256; feature++) {
    const frame = ataRequest({ commandStatus: 0xef, errorFeature: feature });
    assert.deepEqual(ataOutcome(ask(frame)), feature === 0x82 ? OK : ABORTED);
  }
});

Deno.test("SMART RETURN STATUS says that all is well", () => {
  const { ask } = targetFixture();
  const reply = only(ask(ataRequest(
    { commandStatus: 0xb0, errorFeature: 0xda, lba: SMART_LBA },
  )));
  assert.equal(ataReply(reply).argument.commandStatus, 0x40);
  assert.equal(ataReply(reply).argument.lba, SMART_LBA);
  assert.equal(reply.length, 36);
});

Deno.test("SMART READ DATA has 512 bytes with a right checksum", () => {
  const { ask, device } = targetFixture();
  device.bytes.fill(0x77);
  ask(readRequest(0, 1));
  const reply = only(ask(ataRequest({
    commandStatus: 0xb0,
    errorFeature: 0xd0,
    sectorCount: 1,
    lba: SMART_LBA,
  })));
  assert.equal(reply.length, 36 + 512);
  assert.equal(ataReply(reply).argument.commandStatus, 0x40);
  assert.deepEqual(ataReply(reply).bytes, new Uint8Array(512));
});

Deno.test("SMART without its signature, and what else it can be asked, is aborted", () => {
  const { ask } = targetFixture();
  const served = new Set([0xd0, 0xd8, 0xda]);
  for (let feature = 0; feature < 256; feature++) {
    const ask1 = (lba: number): { status: number; error: number } =>
      ataOutcome(
        ask(ataRequest({ commandStatus: 0xb0, errorFeature: feature, lba })),
      );
    assert.deepEqual(ask1(SMART_LBA), served.has(feature) ? OK : ABORTED);
    assert.deepEqual(ask1(0), ABORTED);
    assert.deepEqual(ask1(0x4f00), ABORTED);
  }
});

for (const command of [0x40, 0x42]) {
  Deno.test(`READ VERIFY 0x${command.toString(16)} reads every sector and sends none`, async () => {
    const { ask, device, link } = targetFixture();
    device.atHand = false;
    const frame = ataRequest({
      commandStatus: command,
      sectorCount: 40,
      lba: 8,
    });
    assert.deepEqual(ask(frame), []);
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) {
      const { range, succeed } = device.waitingReads[i]!;
      seen.push(`${range.lba}:${range.sectorCount}`);
      succeed();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(seen, ["8:16", "24:16", "40:8"]);
    const reply = only(link.flushed);
    assert.deepEqual(ataOutcome([reply]), OK);
    assert.equal(reply.length, 36);
  });

  Deno.test(`READ VERIFY 0x${command.toString(16)} finds what cannot be read`, async () => {
    const { ask, device, link } = targetFixture();
    device.atHand = false;
    ask(ataRequest({ commandStatus: command, sectorCount: 32 }));
    device.waitingReads[0]!.succeed();
    await new Promise((resolve) => setImmediate(resolve));
    device.waitingReads[1]!.fail();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(ataOutcome(link.flushed), { status: 0x41, error: 0x40 });
  });

  Deno.test(`READ VERIFY 0x${command.toString(16)} of nothing or past the end is an error`, () => {
    const { ask } = targetFixture();
    const verify = (sectorCount: number, lba: number): unknown =>
      ataOutcome(ask(ataRequest({ commandStatus: command, sectorCount, lba })));
    assert.deepEqual(verify(0, 0), ABORTED);
    assert.deepEqual(verify(2, 1023), { status: 0x41, error: 0x10 });
  });
}

Deno.test("READ VERIFY of what is at hand is answered in the next turn", async () => {
  const { ask, link } = targetFixture();
  ask(ataRequest({ commandStatus: 0x42, sectorCount: 255 }));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(ataOutcome(link.flushed), OK);
});

Deno.test("IDENTIFY tells of the size of now", () => {
  const { ask, device } = targetFixture();
  const identify = ataRequest({ sectorCount: 1, commandStatus: 0xec });
  for (const sectorCount of [1024, 2048]) {
    device.sectorCount = sectorCount;
    const reply = only(ask(identify));
    assert.equal(decodeIdentify(reply, 36).sectorCount, sectorCount);
  }
});
