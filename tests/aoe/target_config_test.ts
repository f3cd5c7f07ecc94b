import assert from "node:assert/strict";
import { Target, type TargetOptions } from "../../aoe/mod.ts";
import {
  bytesOf,
  configRequest,
  EVERYBODY,
  request,
  SERVER_MAC,
  text,
} from "./frames.ts";
import { ScriptedDevice } from "./scripted_device.ts";
import { configReply, only, targetFixture } from "./target_fixture.ts";

const READ = 0;
const TEST_EQUAL = 1;
const TEST_PREFIX = 2;
const SET = 3;
const FORCE_SET = 4;

/** Flags and error of a response of the header alone. */
function refusal(frame: Uint8Array): [number, number] {
  return [frame[14]!, frame[15]!];
}

Deno.test("query config is answered byte for byte as the protocol says", () => {
  const { ask } = targetFixture({
    configString: text("abc"),
    firmwareVersion: 0x0102,
  });
  // The discovery of Linux: 32 bytes, to everybody, tag 0.
  const reply = only(ask(bytesOf(
    "ffffffffffff 020000000002 88a2 10 00 ffff ff 01 00000000" +
      "0000 0000 00 00 0000",
  )));
  assert.deepEqual(
    reply,
    bytesOf(
      "020000000002 020000000001 88a2 18 00 0001 00 01 00000000" +
        "0040 0102 10 10 0003 616263",
    ),
  );
});

Deno.test("the answer holds the current values whatever the request put there", () => {
  const { ask } = targetFixture();
  const frame = configRequest(READ);
  frame.fill(0xff, 24, 29);
  const { argument } = configReply(only(ask(frame)));
  assert.deepEqual(
    [argument.bufferCount, argument.firmwareVersion, argument.sectorCount],
    [64, 1, 16],
  );
});

Deno.test("what lies behind the string of a query is ignored", () => {
  const { ask, target } = targetFixture();
  // aoecfg sends 1056 bytes, however long its string is.
  for (const [command, string] of [[READ, ""], [FORCE_SET, "mine"]] as const) {
    const frame = new Uint8Array(1056).fill(0xa5);
    const head = configRequest(command, text(string));
    frame.set(head.subarray(0, 32 + string.length));
    const { argument } = configReply(only(ask(frame)));
    assert.deepEqual(argument.configString, text(string));
  }
  assert.deepEqual(target.state.configString, text("mine"));
});

for (
  const { mtu, sectorCountMax, advertised } of [
    { mtu: 1500, sectorCountMax: 16, advertised: 2 },
    { mtu: 4096, sectorCountMax: 16, advertised: 7 },
    { mtu: 9000, sectorCountMax: 16, advertised: 16 },
    { mtu: 9000, sectorCountMax: 128, advertised: 16 },
    { mtu: 9000, sectorCountMax: 12, advertised: 8 },
    { mtu: 65536, sectorCountMax: 16, advertised: 16 },
    { mtu: 65536, sectorCountMax: 128, advertised: 120 },
    { mtu: 548, sectorCountMax: 16, advertised: 1 },
  ]
) {
  Deno.test(`${advertised} sectors are advertised on MTU ${mtu} with a limit of ${sectorCountMax}`, () => {
    const { ask } = targetFixture({ mtu, sectorCountMax });
    const { argument } = configReply(only(ask(configRequest(READ))));
    assert.equal(argument.sectorCount, advertised);
  });
}

Deno.test("test for equality answers only an equal string", () => {
  const { ask } = targetFixture({ configString: text("disk1") });
  assert.equal(ask(configRequest(TEST_EQUAL, text("disk1"))).length, 1);
  assert.deepEqual(ask(configRequest(TEST_EQUAL, text("disk"))), []);
  assert.deepEqual(ask(configRequest(TEST_EQUAL, text("disk12"))), []);
  assert.deepEqual(ask(configRequest(TEST_EQUAL)), []);
});

Deno.test("test for a prefix answers only a prefix, and the empty one is one", () => {
  const { ask } = targetFixture({ configString: text("disk1") });
  for (const prefix of ["", "d", "disk", "disk1"]) {
    const reply = only(ask(configRequest(TEST_PREFIX, text(prefix))));
    const { argument } = configReply(reply);
    assert.deepEqual(argument.configString, text("disk1"));
    assert.equal(argument.command, TEST_PREFIX);
  }
  assert.deepEqual(ask(configRequest(TEST_PREFIX, text("isk"))), []);
  assert.deepEqual(ask(configRequest(TEST_PREFIX, text("disk12"))), []);
});

Deno.test("set works once, and the same string again is no error", () => {
  const kept: string[] = [];
  const { ask, target } = targetFixture({
    onStateChanged: (it) =>
      void kept.push(new TextDecoder().decode(it.configString)),
  });
  for (let i = 0; i < 2; i++) {
    const reply = configReply(only(ask(configRequest(SET, text("mine")))));
    assert.equal(reply.header.flags, 0x08);
    assert.deepEqual(reply.argument.configString, text("mine"));
  }
  assert.deepEqual(target.state.configString, text("mine"));
  assert.deepEqual(kept, ["mine"]);
});

Deno.test("set of another string is error 4 with the current string", () => {
  const { ask, target } = targetFixture({ configString: text("mine") });
  const reply = only(ask(configRequest(SET, text("yours"))));
  const { header, argument } = configReply(reply);
  assert.deepEqual([header.flags, header.error], [0x0c, 4]);
  assert.deepEqual(argument.configString, text("mine"));
  assert.deepEqual(target.state.configString, text("mine"));
});

Deno.test("force set replaces the string, also with nothing", () => {
  const kept: string[] = [];
  const { ask } = targetFixture({
    configString: text("mine"),
    onStateChanged: (it) =>
      void kept.push(new TextDecoder().decode(it.configString)),
  });
  for (const string of ["yours", "", "again"]) {
    const reply = only(ask(configRequest(FORCE_SET, text(string))));
    assert.deepEqual(configReply(reply).argument.configString, text(string));
  }
  assert.deepEqual(kept, ["yours", "", "again"]);
});

Deno.test("a string of 1024 bytes is kept whole", () => {
  const { ask } = targetFixture();
  const long = new Uint8Array(1024).fill(0x41);
  const reply = only(ask(configRequest(SET, long)));
  assert.equal(reply.length, 32 + 1024);
  assert.deepEqual(configReply(reply).argument.configString, long);
});

Deno.test("a bad query argument is error 2", () => {
  const { ask } = targetFixture();
  const unknownCommand = configRequest(5);
  // Every byte that it announces is there.
  const tooLong = new Uint8Array(32 + 1025);
  tooLong.set(configRequest(FORCE_SET, new Uint8Array(1024)));
  tooLong.set([0x04, 0x01], 30);
  const cutOff = configRequest(FORCE_SET, text("x".repeat(100)));
  assert.deepEqual(refusal(only(ask(unknownCommand))), [0x1c, 2]);
  assert.deepEqual(refusal(only(ask(tooLong))), [0x1c, 2]);
  assert.deepEqual(refusal(only(ask(cutOff, 60))), [0x1c, 2]);
  assert.deepEqual(refusal(only(ask(cutOff, 31))), [0x1c, 2]);
});

Deno.test("commands that are not served are error 1", () => {
  const { ask, target } = targetFixture();
  for (const command of [4, 5, 0xef, 0xf0, 0xff]) {
    const reply = only(ask(request(command, 36)));
    assert.deepEqual(refusal(reply), [0x1c, 1]);
    assert.equal(reply[19], command);
  }
  assert.equal(target.statistics.aoeErrors, 5);
});

Deno.test("another protocol version is error 5 to the sender, in version 1", () => {
  const { ask } = targetFixture();
  for (const version of [0, 2, 15]) {
    const reply = only(ask(configRequest(READ, text(""), {
      ...EVERYBODY,
      version,
    })));
    assert.deepEqual(refusal(reply), [0x1c, 5]);
    assert.deepEqual(reply.subarray(0, 6), bytesOf("020000000002"));
  }
});

Deno.test("reserved flag bits do not matter", () => {
  const { ask } = targetFixture();
  const reply = only(ask(configRequest(READ, text(""), { flags: 0x03 })));
  assert.equal(reply[14], 0x18);
});

Deno.test("an advert is a version 1 response with tag 0 to everybody", () => {
  const { target, port, link } = targetFixture({ configString: text("abc") });
  target.advertise(port);
  assert.deepEqual(
    only(link.take()),
    bytesOf(
      "ffffffffffff 020000000001 88a2 18 00 0001 00 01 00000000" +
        "0040 0001 10 10 0003 616263",
    ),
  );
  assert.deepEqual(link.mac, SERVER_MAC);
});

const REFUSED: readonly Partial<TargetOptions>[] = [
  { shelf: 0xffff },
  { shelf: -1 },
  { slot: 0xff },
  { slot: 1.5 },
  { bufferCount: 1 },
  { bufferCount: 65536 },
  { sectorCountMax: 1 },
  { sectorCountMax: 129 },
  { configString: new Uint8Array(1025) },
];

for (const options of REFUSED) {
  const [[label, value]] = Object.entries(options) as [[string, unknown]];
  const shown = value instanceof Uint8Array ? `${value.length} bytes` : value;
  Deno.test(`a target with ${label} ${shown} is refused`, () => {
    assert.throws(
      () =>
        new Target({
          shelf: 1,
          slot: 0,
          device: new ScriptedDevice(),
          ...options,
        }),
      { name: "RangeError", message: new RegExp(label) },
    );
  });
}
