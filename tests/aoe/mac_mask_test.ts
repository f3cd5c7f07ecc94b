import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeMaskArgument,
  encodeMaskArgument,
  FrameFormatError,
  MASK_ENTRIES_MAX,
  type MaskArgument,
  maskDirectiveCount,
} from "../../aoe/mod.ts";
import { bytesOf } from "./frames.ts";

const HEADER = "00".repeat(24);
const HEX = "00 01 00 02" + "00 01 02 00 00 00 00 0a" +
  "00 02 02 00 00 00 00 0b";

const ARGUMENT: MaskArgument = {
  command: 1,
  error: 0,
  directiveCount: 2,
  directives: [
    { command: 1, mac: bytesOf("02000000000a") },
    { command: 2, mac: bytesOf("02000000000b") },
  ],
};

Deno.test("decodeMaskArgument() reads an edit of two directives", () => {
  assert.deepEqual(decodeMaskArgument(bytesOf(HEADER + HEX)), ARGUMENT);
});

Deno.test("encodeMaskArgument() writes every byte of an edit", () => {
  const frame = new Uint8Array(60).fill(0xa5);
  const length = encodeMaskArgument(frame, ARGUMENT);
  assert.deepEqual(frame.subarray(24, length), bytesOf(HEX));
  assert.equal(frame[23], 0xa5);
  assert.equal(frame[length], 0xa5);
});

Deno.test("decodeMaskArgument() rejects every truncation", () => {
  const whole = bytesOf(HEADER + HEX);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeMaskArgument(whole, length), FrameFormatError);
    assert.equal(maskDirectiveCount(whole, length), -1);
  }
});

Deno.test("of an error, whose count is an index, all directives are decoded", () => {
  const frame = bytesOf(HEADER + HEX);
  frame[26] = 3;
  frame[27] = 1;
  const { directiveCount, directives } = decodeMaskArgument(frame);
  assert.equal(directiveCount, 1);
  assert.deepEqual(directives, ARGUMENT.directives);
});

Deno.test("a full mask fits a frame of plain Ethernet, one entry more would not", () => {
  assert.equal(MASK_ENTRIES_MAX, 185);
  assert.ok(28 + 8 * MASK_ENTRIES_MAX <= 1514);
  assert.ok(28 + 8 * (MASK_ENTRIES_MAX + 1) > 1514);
});

Deno.test("more than 255 directives cannot be encoded", () => {
  const directives = new Array(256).fill(ARGUMENT.directives[0]);
  assert.throws(
    () => encodeMaskArgument(new Uint8Array(4096), { ...ARGUMENT, directives }),
    RangeError,
  );
});

Deno.test("any mask argument survives encoding and decoding", () => {
  fc.assert(fc.property(
    fc.nat(255),
    fc.array(
      fc.record({
        command: fc.nat(255),
        mac: fc.uint8Array({ minLength: 6, maxLength: 6 }),
      }),
      { maxLength: 255 },
    ),
    (command, directives) => {
      const frame = new Uint8Array(2100).fill(0xa5);
      const directiveCount = directives.length;
      const argument = { command, error: 0, directiveCount, directives };
      const length = encodeMaskArgument(frame, argument);
      const decoded = decodeMaskArgument(frame, length);
      assert.deepEqual(decoded.directives.map((it) => ({ ...it })), [
        ...directives.map((it) => ({ ...it })),
      ]);
      assert.equal(decoded.command, command);
    },
  ));
});
