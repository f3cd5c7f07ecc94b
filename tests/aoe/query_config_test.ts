import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ConfigArgument,
  configStringLength,
  decodeConfigArgument,
  encodeConfigArgument,
  FrameFormatError,
} from "../../aoe/mod.ts";
import { bytesOf, text } from "./frames.ts";

const HEADER = "00".repeat(24);

const VECTORS: readonly {
  desc: string;
  hex: string;
  argument: ConfigArgument;
}[] = [
  {
    desc: "the query of Linux",
    hex: "00 00 00 00 00 00 00 00",
    argument: {
      bufferCount: 0,
      firmwareVersion: 0,
      sectorCount: 0,
      version: 0,
      command: 0,
      configString: new Uint8Array(0),
    },
  },
  {
    desc: "a response with a config string",
    hex: "00 40 00 19 10 14 00 03 61 62 63",
    argument: {
      bufferCount: 64,
      firmwareVersion: 0x19,
      sectorCount: 16,
      version: 1,
      command: 4,
      configString: text("abc"),
    },
  },
];

for (const { desc, hex, argument } of VECTORS) {
  Deno.test(`decodeConfigArgument() reads ${desc}`, () => {
    assert.deepEqual(decodeConfigArgument(bytesOf(HEADER + hex)), argument);
  });

  Deno.test(`encodeConfigArgument() writes every byte of ${desc}`, () => {
    const frame = new Uint8Array(48).fill(0xa5);
    const length = encodeConfigArgument(frame, argument);
    assert.deepEqual(frame.subarray(24, length), bytesOf(hex));
    assert.equal(frame[23], 0xa5);
    assert.equal(frame[length], 0xa5);
  });
}

Deno.test("decodeConfigArgument() rejects every truncation", () => {
  const whole = bytesOf(HEADER + VECTORS[1]!.hex);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeConfigArgument(whole, length), FrameFormatError);
    assert.equal(configStringLength(whole, length), -1);
  }
});

Deno.test("decodeConfigArgument() leaves padding behind the config string alone", () => {
  const padded = bytesOf(HEADER + VECTORS[1]!.hex + "00".repeat(25));
  assert.deepEqual(decodeConfigArgument(padded), VECTORS[1]!.argument);
});

Deno.test("a config string of 1024 bytes is taken, one of 1025 is not", () => {
  const argument = VECTORS[0]!.argument;
  const frame = new Uint8Array(2048);
  encodeConfigArgument(frame, {
    ...argument,
    configString: new Uint8Array(1024).fill(1),
  });
  assert.equal(configStringLength(frame, frame.length), 1024);
  frame[31]!++;
  assert.equal(configStringLength(frame, frame.length), -1);
  assert.throws(
    () =>
      encodeConfigArgument(frame, {
        ...argument,
        configString: new Uint8Array(1025),
      }),
    RangeError,
  );
});

Deno.test("any argument survives encoding and decoding", () => {
  fc.assert(fc.property(
    fc.record({
      bufferCount: fc.nat(0xffff),
      firmwareVersion: fc.nat(0xffff),
      sectorCount: fc.nat(0xff),
      version: fc.nat(15),
      command: fc.nat(15),
      configString: fc.uint8Array({ maxLength: 1024 }),
    }),
    (argument) => {
      const frame = new Uint8Array(32 + 1024).fill(0xa5);
      const length = encodeConfigArgument(frame, argument);
      assert.deepEqual(decodeConfigArgument(frame, length), { ...argument });
    },
  ));
});
