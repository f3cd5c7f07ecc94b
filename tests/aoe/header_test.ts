import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AoeHeader,
  decodeHeader,
  encodeHeader,
  formatMac,
  FrameFormatError,
  HEADER_LENGTH,
} from "../../aoe/mod.ts";
import { bytesOf } from "./frames.ts";

const VECTORS: readonly { desc: string; hex: string; header: AoeHeader }[] = [
  {
    desc: "the discovery query of Linux: broadcast, tag 0",
    hex: "ff ff ff ff ff ff 00 1b 21 3a 4c 5d 88 a2 10 00 ff ff ff 01 00000000",
    header: {
      destination: bytesOf("ff ff ff ff ff ff"),
      source: bytesOf("00 1b 21 3a 4c 5d"),
      version: 1,
      flags: 0,
      error: 0,
      shelf: 0xffff,
      slot: 0xff,
      command: 1,
      tag: 0,
    },
  },
  {
    desc: "a response: R flag, tag with its highest bit set",
    hex: "00 1b 21 3a 4c 5d 02 00 00 00 00 01 88 a2 18 00 01 02 03 00 80ab00ff",
    header: {
      destination: bytesOf("00 1b 21 3a 4c 5d"),
      source: bytesOf("02 00 00 00 00 01"),
      version: 1,
      flags: 0x08,
      error: 0,
      shelf: 0x0102,
      slot: 3,
      command: 0,
      tag: 0x80ab00ff,
    },
  },
  {
    desc: "an error response: R and E flags, error 4",
    hex: "00 1b 21 3a 4c 5d 02 00 00 00 00 01 88 a2 1c 04 00 09 00 01 00000007",
    header: {
      destination: bytesOf("00 1b 21 3a 4c 5d"),
      source: bytesOf("02 00 00 00 00 01"),
      version: 1,
      flags: 0x0c,
      error: 4,
      shelf: 9,
      slot: 0,
      command: 1,
      tag: 7,
    },
  },
  {
    desc: "what is unknown: version 15, reserved flags, a vendor's command",
    hex: "00 1b 21 3a 4c 5d 02 00 00 00 00 01 88 a2 f3 ee 00 09 00 f0 00000007",
    header: {
      destination: bytesOf("00 1b 21 3a 4c 5d"),
      source: bytesOf("02 00 00 00 00 01"),
      version: 15,
      flags: 0x03,
      error: 0xee,
      shelf: 9,
      slot: 0,
      command: 0xf0,
      tag: 7,
    },
  },
];

for (const { desc, hex, header } of VECTORS) {
  Deno.test(`decodeHeader() reads ${desc}`, () => {
    assert.deepEqual(decodeHeader(bytesOf(hex)), header);
  });

  Deno.test(`encodeHeader() writes every byte of ${desc}`, () => {
    const frame = new Uint8Array(HEADER_LENGTH + 4).fill(0xa5);
    encodeHeader(frame, header);
    assert.deepEqual(frame.subarray(0, HEADER_LENGTH), bytesOf(hex));
    assert.deepEqual(frame.subarray(HEADER_LENGTH), bytesOf("a5a5a5a5"));
  });
}

Deno.test("the header has 24 bytes", () => {
  assert.equal(HEADER_LENGTH, 24);
});

Deno.test("decodeHeader() rejects every truncation", () => {
  const whole = bytesOf(VECTORS[0]!.hex);
  for (let length = 0; length < HEADER_LENGTH; length++) {
    assert.throws(() => decodeHeader(whole, length), FrameFormatError);
    assert.throws(() => decodeHeader(whole.slice(0, length)), FrameFormatError);
  }
});

Deno.test("decodeHeader() rejects another ethertype", () => {
  const frame = bytesOf(VECTORS[0]!.hex);
  frame[13] = 0xa3;
  assert.throws(() => decodeHeader(frame), /ethertype is 0x88a3/);
});

Deno.test("decodeHeader() copies the addresses out of the borrowed frame", () => {
  const frame = bytesOf(VECTORS[1]!.hex);
  const header = decodeHeader(frame);
  frame.fill(0xa5);
  assert.deepEqual(header.source, VECTORS[1]!.header.source);
  assert.deepEqual(header.destination, VECTORS[1]!.header.destination);
});

Deno.test("any header survives encoding and decoding", () => {
  const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
  fc.assert(fc.property(
    fc.record({
      destination: mac,
      source: mac,
      version: fc.nat(15),
      flags: fc.nat(15),
      error: fc.nat(255),
      shelf: fc.nat(0xffff),
      slot: fc.nat(0xff),
      command: fc.nat(0xff),
      tag: fc.nat(0xffffffff),
    }),
    (header) => {
      const frame = new Uint8Array(HEADER_LENGTH).fill(0xa5);
      encodeHeader(frame, header);
      assert.deepEqual(decodeHeader(frame), { ...header });
    },
  ));
});

Deno.test("formatMac() prints two digits a byte", () => {
  assert.equal(formatMac(bytesOf("02000a00ff01")), "02:00:0a:00:ff:01");
});
