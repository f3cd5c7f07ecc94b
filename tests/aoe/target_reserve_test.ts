import assert from "node:assert/strict";
import {
  decodeHeader,
  decodeReserveArgument,
  type TargetState,
} from "../../aoe/mod.ts";
import {
  ataRequest,
  bytesOf,
  CLIENT_MAC,
  configRequest,
  flushRequest,
  hostMac,
  maskRequest,
  readRequest,
  reserveRequest,
  text,
  trimRequest,
  writeRequest,
} from "./frames.ts";
import { ataOutcome, only, targetFixture } from "./target_fixture.ts";

const READ = 0;
const SET = 1;
const FORCE = 2;
const A = hostMac(0xa);
const FROM_A = { source: A };

/** Error code, 0 without the E flag, and the list. */
function outcome(
  replies: readonly Uint8Array[],
): { error: number; macs: readonly Uint8Array[] } {
  const reply = only(replies);
  const { flags, error } = decodeHeader(reply);
  assert.equal(flags, error === 0 ? 0x08 : 0x0c);
  return { error, macs: decodeReserveArgument(reply).macs };
}

Deno.test("a reservation is answered byte for byte with the list", () => {
  const { ask } = targetFixture();
  const reply = only(ask(bytesOf(
    "020000000001 020000000002 88a2 10 00 0001 00 03 0000abcd" +
      "01 02 020000000002 02000077000a" + "00".repeat(22),
  )));
  assert.deepEqual(
    reply,
    bytesOf(
      "020000000002 020000000001 88a2 18 00 0001 00 03 0000abcd" +
        "01 02 020000000002 02000077000a",
    ),
  );
});

Deno.test("a reservation is read by everybody", () => {
  const { ask } = targetFixture();
  ask(reserveRequest(SET, [CLIENT_MAC]));
  const reply = ask(reserveRequest(READ, [A], FROM_A));
  assert.deepEqual(outcome(reply), { error: 0, macs: [CLIENT_MAC] });
});

Deno.test("set is for anybody while the list is empty, then for those in it", () => {
  const { ask } = targetFixture();
  const mine = { error: 0, macs: [CLIENT_MAC] };
  assert.deepEqual(outcome(ask(reserveRequest(SET, [CLIENT_MAC]))), mine);
  // Refused, and the current list is sent back.
  const foreign = outcome(ask(reserveRequest(SET, [A], FROM_A)));
  assert.deepEqual(foreign, { error: 6, macs: [CLIENT_MAC] });
  const shared = outcome(ask(reserveRequest(SET, [CLIENT_MAC, A])));
  assert.deepEqual(shared, { error: 0, macs: [CLIENT_MAC, A] });
  assert.deepEqual(
    outcome(ask(reserveRequest(SET, [A], FROM_A))),
    { error: 0, macs: [A] },
  );
});

Deno.test("force set is for everybody", () => {
  const { ask } = targetFixture();
  ask(reserveRequest(SET, [CLIENT_MAC]));
  const reply = outcome(ask(reserveRequest(FORCE, [A], FROM_A)));
  assert.deepEqual(reply, { error: 0, macs: [A] });
});

Deno.test("a set of no addresses releases the target", () => {
  for (const command of [SET, FORCE]) {
    const { ask } = targetFixture();
    ask(reserveRequest(SET, [CLIENT_MAC]));
    const refused = outcome(ask(reserveRequest(SET, [], FROM_A)));
    assert.deepEqual(refused, { error: 6, macs: [CLIENT_MAC] });
    const reply = outcome(ask(reserveRequest(command, [])));
    assert.deepEqual(reply, { error: 0, macs: [] });
    assert.equal(ataOutcome(ask(readRequest(0, 1, FROM_A))).status, 0x40);
  }
});

Deno.test("the same set again is no error and no change", () => {
  const changes: TargetState[] = [];
  const { ask } = targetFixture({
    onStateChanged: (it) => void changes.push(it),
  });
  for (let i = 0; i < 2; i++) {
    const reply = outcome(ask(reserveRequest(SET, [CLIENT_MAC, A])));
    assert.deepEqual(reply, { error: 0, macs: [CLIENT_MAC, A] });
  }
  assert.equal(changes.length, 1);
  assert.deepEqual(changes[0]!.reservation, [CLIENT_MAC, A]);
});

Deno.test("a reserved target refuses reads and writes of others with error 6, and does nothing", () => {
  const { ask, device } = targetFixture();
  ask(reserveRequest(SET, [CLIENT_MAC]));
  const gated = [
    readRequest(0, 1, FROM_A),
    ataRequest({ sectorCount: 1, commandStatus: 0x20 }, FROM_A),
    writeRequest(0, 1, 1, FROM_A),
    ataRequest({ sectorCount: 1, commandStatus: 0x30 }, {
      ...FROM_A,
      payload: new Uint8Array(512),
    }),
    ataRequest({ sectorCount: 1, commandStatus: 0x40 }, FROM_A),
    ataRequest({ sectorCount: 1, commandStatus: 0x42 }, FROM_A),
    trimRequest([{ lba: 0, sectorCount: 8 }], FROM_A),
  ];
  for (const frame of gated) {
    const reply = only(ask(frame));
    assert.deepEqual([reply[14], reply[15]], [0x1c, 6]);
    // For those who look at the registers alone, iPXE's bit among them.
    assert.deepEqual([reply[25], reply[27]], [0x04, 0x41]);
    assert.equal(reply.length, 36);
  }
  assert.deepEqual(device.taken, []);
});

Deno.test("a reserved target serves all else to everybody, and all to its holder", async () => {
  const { ask, device, link } = targetFixture();
  ask(reserveRequest(SET, [CLIENT_MAC]));
  const identify = { sectorCount: 1, commandStatus: 0xec };
  for (
    const frame of [
      configRequest(0, text(""), FROM_A),
      maskRequest([], FROM_A),
      reserveRequest(READ, [], FROM_A),
      ataRequest(identify, FROM_A),
      ataRequest({ commandStatus: 0xe5 }, FROM_A),
      flushRequest(FROM_A),
      readRequest(0, 1),
    ]
  ) {
    assert.equal(only(ask(frame))[14], 0x18);
  }
  ask(writeRequest(0, 1, 1));
  await device.settle(true);
  assert.equal(ataOutcome(link.take()).status, 0x40);
});

Deno.test("a reservation that is cut off, too long or of unknown kind is error 2", () => {
  const { ask, target } = targetFixture();
  const cutOff = reserveRequest(SET, new Array(7).fill(A));
  const tooLong = reserveRequest(
    SET,
    Array.from({ length: 249 }, (_, i) => hostMac(i)),
  );
  const unknown = reserveRequest(3, [A]);
  for (
    const [frame, length] of [
      [cutOff, 60],
      [cutOff, 25],
      [tooLong, tooLong.length],
      [unknown, 60],
    ]
  ) {
    const reply = only(ask(frame as Uint8Array, length as number));
    assert.deepEqual([reply[14], reply[15]], [0x1c, 2]);
  }
  assert.deepEqual(target.state.reservation, []);
});
