import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ATA_DATA_OFFSET,
  type AtaArgument,
  decodeAtaArgument,
  encodeAtaArgument,
  FrameFormatError,
  readLba28,
  readLba48,
  writeLba48,
} from "../../aoe/mod.ts";
import { bytesOf } from "./frames.ts";

const HEADER = "00".repeat(24);

const VECTORS: readonly { desc: string; hex: string; argument: AtaArgument }[] =
  [
    {
      desc: "IDENTIFY as Linux sends it, Device register 0xa0",
      hex: "00 00 01 ec 00 00 00 a0 00 00 00 00",
      argument: {
        flags: 0,
        errorFeature: 0,
        sectorCount: 1,
        commandStatus: 0xec,
        lba: 0xa0000000,
      },
    },
    {
      desc: "WRITE EXT of two sectors, lba0 least significant",
      hex: "41 00 02 34 06 05 04 03 02 01 00 00",
      argument: {
        flags: 0x41,
        errorFeature: 0,
        sectorCount: 2,
        commandStatus: 0x34,
        lba: 0x010203040506,
      },
    },
    {
      desc: "a failed response with ABRT",
      hex: "40 04 10 41 ff ff ff ff ff ff 00 00",
      argument: {
        flags: 0x40,
        errorFeature: 4,
        sectorCount: 16,
        commandStatus: 0x41,
        lba: 2 ** 48 - 1,
      },
    },
  ];

for (const { desc, hex, argument } of VECTORS) {
  Deno.test(`decodeAtaArgument() reads ${desc}`, () => {
    assert.deepEqual(decodeAtaArgument(bytesOf(HEADER + hex)), argument);
  });

  Deno.test(`encodeAtaArgument() writes every byte of ${desc}`, () => {
    const frame = new Uint8Array(ATA_DATA_OFFSET + 2).fill(0xa5);
    encodeAtaArgument(frame, argument);
    assert.deepEqual(frame.subarray(24, ATA_DATA_OFFSET), bytesOf(hex));
    assert.deepEqual(frame.subarray(0, 24), bytesOf("a5".repeat(24)));
    assert.deepEqual(frame.subarray(ATA_DATA_OFFSET), bytesOf("a5a5"));
  });
}

Deno.test("ATA data starts at byte 36", () => {
  assert.equal(ATA_DATA_OFFSET, 36);
});

Deno.test("decodeAtaArgument() rejects every truncation", () => {
  const whole = bytesOf(HEADER + VECTORS[1]!.hex);
  for (let length = 0; length < ATA_DATA_OFFSET; length++) {
    assert.throws(() => decodeAtaArgument(whole, length), FrameFormatError);
  }
});

Deno.test("readLba28() leaves out the high nibble of the Device register", () => {
  const frame = bytesOf(HEADER + "00 00 01 20 78 56 34 e2 99 99 00 00");
  assert.equal(readLba28(frame), 0x02345678);
});

Deno.test("any 48-bit address survives writing and reading", () => {
  fc.assert(fc.property(fc.nat(2 ** 48 - 1), (lba) => {
    const frame = new Uint8Array(ATA_DATA_OFFSET).fill(0xa5);
    writeLba48(frame, lba);
    assert.equal(readLba48(frame), lba);
    assert.equal(readLba28(frame), lba % 2 ** 28);
  }));
});
