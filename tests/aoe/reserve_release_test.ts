import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeReserveArgument,
  encodeReserveArgument,
  FrameFormatError,
  RESERVE_ENTRIES_MAX,
  reserveMacCount,
} from "../../aoe/mod.ts";
import { bytesOf } from "./frames.ts";

const HEADER = "00".repeat(24);
const HEX = "01 02" + "02 00 00 00 00 0a" + "02 00 00 00 00 0b";
const ARGUMENT = {
  command: 1,
  macs: [bytesOf("02000000000a"), bytesOf("02000000000b")],
};

Deno.test("decodeReserveArgument() reads a set of two addresses", () => {
  assert.deepEqual(decodeReserveArgument(bytesOf(HEADER + HEX)), ARGUMENT);
});

Deno.test("encodeReserveArgument() writes every byte of a set", () => {
  const frame = new Uint8Array(60).fill(0xa5);
  const length = encodeReserveArgument(frame, ARGUMENT);
  assert.deepEqual(frame.subarray(24, length), bytesOf(HEX));
  assert.equal(frame[23], 0xa5);
  assert.equal(frame[length], 0xa5);
});

Deno.test("decodeReserveArgument() rejects every truncation", () => {
  const whole = bytesOf(HEADER + HEX);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeReserveArgument(whole, length), FrameFormatError);
    assert.equal(reserveMacCount(whole, length), -1);
  }
});

Deno.test("a full reservation fits a frame of plain Ethernet, one address more would not", () => {
  assert.equal(RESERVE_ENTRIES_MAX, 248);
  assert.ok(26 + 6 * RESERVE_ENTRIES_MAX <= 1514);
  assert.ok(26 + 6 * (RESERVE_ENTRIES_MAX + 1) > 1514);
});

Deno.test("more than 255 addresses cannot be encoded", () => {
  const macs = new Array(256).fill(ARGUMENT.macs[0]);
  assert.throws(
    () => encodeReserveArgument(new Uint8Array(4096), { command: 1, macs }),
    RangeError,
  );
});

Deno.test("any reservation survives encoding and decoding", () => {
  fc.assert(fc.property(
    fc.nat(255),
    fc.array(fc.uint8Array({ minLength: 6, maxLength: 6 }), { maxLength: 255 }),
    (command, macs) => {
      const frame = new Uint8Array(1600).fill(0xa5);
      const length = encodeReserveArgument(frame, { command, macs });
      const decoded = decodeReserveArgument(frame, length);
      assert.deepEqual(decoded, { command, macs: [...macs] });
    },
  ));
});
