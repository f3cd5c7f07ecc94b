import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeIdentify, encodeIdentify } from "../../aoe/mod.ts";

const IDENTITY = {
  model: "Deepshelf archive disk",
  serial: "0123456789abcdefXYZ!",
  firmware: "0.1.0",
};

function identifyWords(sectorCount: number): Uint16Array {
  const bytes = new Uint8Array(512).fill(0xa5);
  encodeIdentify(bytes, 0, { sectorCount, identity: IDENTITY });
  const view = new DataView(bytes.buffer);
  return Uint16Array.from(
    { length: 256 },
    (_, i) => view.getUint16(2 * i, true),
  );
}

/** Text as a host reads it: the first character in the high byte of a word. */
function wordText(words: Uint16Array, first: number, count: number): string {
  return Array.from(
    words.subarray(first, first + count),
    (word) => String.fromCharCode(word >>> 8, word & 0xff),
  ).join("");
}

Deno.test("IDENTIFY swaps the characters of its strings and pads them with spaces", () => {
  const words = identifyWords(2048);
  assert.equal(wordText(words, 27, 20), "Deepshelf archive disk".padEnd(40));
  assert.equal(wordText(words, 10, 10), "0123456789abcdefXYZ!");
  assert.equal(wordText(words, 23, 4), "0.1.0   ");
  // The raw bytes, so that two mistakes cannot cancel out.
  const bytes = new Uint8Array(words.buffer, 54, 4);
  assert.deepEqual([...bytes], [..."eDpe"].map((c) => c.charCodeAt(0)));
});

Deno.test("IDENTIFY tells of 28-bit and 48-bit addresses and of both flushes", () => {
  const words = identifyWords(2048);
  assert.equal(words[0]! & 0x8000, 0, "is an ATA device");
  assert.equal(words[47], 0x8000, "has no READ MULTIPLE");
  assert.equal(words[49], 0x0200, "has LBA, and no DMA");
  assert.equal(words[50]! & 0xc000, 0x4000);
  assert.equal(words[83], 0x7400, "supports LBA48, FLUSH CACHE and its EXT");
  assert.equal(words[86], 0x3400, "has them enabled");
  assert.equal(words[84]! & 0xc000, 0x4000);
  assert.equal(words[87]! & 0xc000, 0x4000);
  assert.notEqual(words[80]! & 0x40, 0, "follows ATA/ATAPI-6, which has LBA48");
});

Deno.test("IDENTIFY claims no write cache", () => {
  const words = identifyWords(2048);
  assert.equal(words[82]! & 0x20, 0);
  assert.equal(words[85]! & 0x20, 0);
});

Deno.test("IDENTIFY tells of NOP, power management and SMART, on at all times", () => {
  const words = identifyWords(2048);
  assert.equal(words[82], 0x4009);
  assert.equal(words[85], 0x4009);
});

Deno.test("IDENTIFY tells of a disk that does not turn and needs no SET FEATURES", () => {
  const words = identifyWords(2048);
  assert.equal(words[217], 1);
  assert.equal(words[2], 0xc837);
  assert.notEqual(words[80]! & 0x200, 0, "follows ACS-2, which has TRIM");
});

for (
  const { trim, words: expected } of [
    { trim: "none", words: [0, 0, 0] },
    { trim: "hint", words: [0x4000, 1, 1] },
    { trim: "zero", words: [0x4020, 1, 1] },
  ] as const
) {
  Deno.test(`IDENTIFY tells of TRIM as "${trim}" in words 69, 105 and 169`, () => {
    const bytes = new Uint8Array(512);
    encodeIdentify(bytes, 0, { sectorCount: 8, identity: IDENTITY, trim });
    const view = new DataView(bytes.buffer);
    const words = [69, 105, 169].map((word) => view.getUint16(2 * word, true));
    assert.deepEqual(words, expected);
    assert.equal(decodeIdentify(bytes).trim, trim);
    assert.equal(view.getUint16(2 * 53, true) & 2, 2, "word 69 is valid");
  });
}

Deno.test("IDENTIFY tells of 4096-byte physical sectors that start at sector 0", () => {
  const words = identifyWords(2048);
  assert.equal(words[106], 0x6003);
  assert.equal(words[209], 0x4000);
});

for (
  const { sectorCount, lba28 } of [
    { sectorCount: 8, lba28: 8 },
    { sectorCount: 2 ** 28 - 8, lba28: 2 ** 28 - 8 },
    { sectorCount: 2 ** 28, lba28: 2 ** 28 - 1 },
    { sectorCount: 2 ** 32 + 8, lba28: 2 ** 28 - 1 },
    { sectorCount: 2 ** 48 - 8, lba28: 2 ** 28 - 1 },
  ]
) {
  Deno.test(`IDENTIFY gives the size of a disk of ${sectorCount} sectors`, () => {
    const words = identifyWords(sectorCount);
    assert.equal(words[60]! + words[61]! * 2 ** 16, lba28);
    const lba48 = BigInt(words[100]!) | BigInt(words[101]!) << 16n |
      BigInt(words[102]!) << 32n | BigInt(words[103]!) << 48n;
    assert.equal(lba48, BigInt(sectorCount));
    const geometry = words[54]! * words[55]! * words[56]!;
    assert.equal(words[57]! + words[58]! * 2 ** 16, geometry);
    assert.ok(geometry <= sectorCount);
  });
}

Deno.test("the 512 bytes of IDENTIFY add up to 0 behind the signature", () => {
  const words = identifyWords(123456);
  assert.equal(words[255]! & 0xff, 0xa5);
  const sum = new Uint8Array(words.buffer).reduce((a, b) => a + b, 0);
  assert.equal(sum % 256, 0);
});

Deno.test("IDENTIFY cuts long strings and replaces what is not ASCII", () => {
  const bytes = new Uint8Array(512);
  encodeIdentify(bytes, 0, {
    sectorCount: 8,
    identity: { model: "x".repeat(99), serial: "é\n1", firmware: "123456789" },
  });
  const description = decodeIdentify(bytes);
  assert.equal(description.model, "x".repeat(40));
  assert.equal(description.serial, "??1");
  assert.equal(description.firmware, "12345678");
});

Deno.test("encodeIdentify() stays inside its 512 bytes", () => {
  const bytes = new Uint8Array(516).fill(0xa5);
  encodeIdentify(bytes, 2, { sectorCount: 8, identity: IDENTITY });
  assert.deepEqual([bytes[0], bytes[1]], [0xa5, 0xa5]);
  assert.deepEqual([bytes[514], bytes[515]], [0xa5, 0xa5]);
});

Deno.test("any size and ASCII names survive encoding and decoding", () => {
  const word = (maxLength: number): fc.Arbitrary<string> =>
    fc.stringMatching(/^[!-~]*$/, { maxLength });
  fc.assert(fc.property(
    fc.nat(2 ** 45 - 1).map((blockCount) => 8 * blockCount),
    fc.record({ model: word(40), serial: word(20), firmware: word(8) }),
    (sectorCount, identity) => {
      const bytes = new Uint8Array(512).fill(0xa5);
      encodeIdentify(bytes, 0, { sectorCount, identity });
      assert.deepEqual(decodeIdentify(bytes), {
        ...identity,
        sectorCount,
        lba48: true,
        sectorsPerPhysicalSector: 8,
        trim: "none",
      });
    },
  ));
});

Deno.test("decodeIdentify() falls back to the 28-bit size without LBA48", () => {
  const bytes = new Uint8Array(512);
  encodeIdentify(bytes, 0, { sectorCount: 4096, identity: IDENTITY });
  const view = new DataView(bytes.buffer);
  view.setUint16(2 * 83, 0x4000, true);
  view.setUint16(2 * 100, 0, true);
  const description = decodeIdentify(bytes);
  assert.equal(description.lba48, false);
  assert.equal(description.sectorCount, 4096);
});

Deno.test("decodeIdentify() rejects fewer than 512 bytes", () => {
  assert.throws(() => decodeIdentify(new Uint8Array(511)), RangeError);
});
