import assert from "node:assert/strict";
import fc from "fast-check";
import { BlockKind } from "../../cas/block_store.ts";
import { depthFor } from "../../cas/engine/geometry.ts";
import {
  decodeRoot,
  encodeRoot,
  hashRoot,
  ROOT_LENGTH,
  type RootRecord,
} from "../../cas/engine/root.ts";
import {
  decodeRootBlob,
  encodeRootBlob,
  type RootCost,
} from "../../cas/engine/root_blob.ts";
import {
  decodeSealedText,
  encodeSealedText,
} from "../../cas/engine/sealed_text.ts";
import { createWasmHasher } from "../../cas/score.ts";

const hasher = await createWasmHasher();

const hex = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length })
    .map((bytes) => bytes.fill(1, 0, 1).toHex());

const record: fc.Arbitrary<RootRecord> = fc.record({
  volumeId: hex(16),
  name: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/),
  blockCount: fc.integer({ min: 1, max: 2 ** 45 }),
  treeRoot: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  sequence: fc.integer({ min: 1, max: 1e15 }),
  timeMs: fc.nat(),
  epoch: fc.maxSafeNat(),
  writerId: hex(16),
  previousHash: fc.option(hex(32), { nil: undefined }),
  parentHash: fc.option(hex(32), { nil: undefined }),
  retired: fc.boolean(),
}).map(({ previousHash, parentHash, retired, ...fields }) => ({
  ...fields,
  depth: depthFor(fields.blockCount),
  ...(previousHash === undefined ? {} : {
    previous: { hash: previousHash, sequence: fields.sequence - 1 },
  }),
  ...(parentHash === undefined ? {} : { parentHash }),
  ...(retired ? { retired } : {}),
}));

const cost: fc.Arbitrary<RootCost> = fc.record({
  packs: fc.array(hex(32), { maxLength: 200 }),
  packBytes: fc.maxSafeNat(),
  blocksWritten: fc.maxSafeNat(),
  blocksNew: fc.maxSafeNat(),
});

const EXAMPLE: RootRecord = {
  volumeId: "0123456789abcdef0123456789abcdef",
  name: "disk",
  blockCount: 262_144,
  depth: 3,
  treeRoot: new Uint8Array(32).fill(7),
  sequence: 5,
  timeMs: 1_700_000_000_000,
  epoch: 3,
  writerId: "fedcba9876543210fedcba9876543210",
  previous: { hash: "ab".repeat(32), sequence: 4 },
};

Deno.test("a root record decodes to what was encoded", () => {
  fc.assert(fc.property(record, (given) => {
    const bytes = encodeRoot(given);
    assert.equal(bytes.length, ROOT_LENGTH);
    const decoded = decodeRoot(bytes);
    assert.deepEqual(
      { ...decoded, treeRoot: [...decoded.treeRoot] },
      { ...given, treeRoot: [...given.treeRoot] },
    );
  }));
});

Deno.test("a root record's bytes and hash are these", () => {
  const bytes = encodeRoot(EXAMPLE);
  assert.equal(
    bytes.subarray(0, 64).toHex(),
    "44534846524f4f54" + "0100" + "0001" + "80" + "03" + "0c" + "01" + "01" +
      "04" + "000000000000" + "0000040000000000" + "0500000000000000" +
      "0400000000000000" + "0068e5cf8b010000" + "0300000000000000",
  );
  const plain = hasher.hash(bytes);
  const hash = hashRoot(bytes, hasher);
  assert.notDeepEqual(hash, plain);
  const asData = new Uint8Array(32);
  hasher.score(BlockKind.Data, bytes, asData);
  assert.deepEqual(asData, plain);
});

Deno.test("a root record cut anywhere is refused", () => {
  const bytes = encodeRoot(EXAMPLE);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeRoot(bytes.subarray(0, length)), RangeError);
  }
  assert.throws(() => decodeRoot(new Uint8Array(ROOT_LENGTH + 1)), RangeError);
});

Deno.test("a root record with a wrong field is refused with a reason", () => {
  const wrong: [number, number, RegExp][] = [
    [0, 0x45, /does not begin/],
    [8, 2, /version is 2/],
    [10, 1, /length/],
    [12, 0, /kind/],
    [13, 4, /depth is 4/],
    [14, 13, /block size/],
    [15, 2, /hash/],
    [16, 9, /codec/],
    [17, 5, /name/],
    [17, 64, /name/],
    [18, 2, /flags are 2/],
    [19, 1, /reserved/],
    [31, 0xff, /byte 24/],
    [40, 5, /previous sequence/],
    [63, 1, /byte 56/],
    [192, 0x44, /name/],
    [200, 0x61, /name/],
  ];
  for (const [offset, value, reason] of wrong) {
    const bytes = encodeRoot(EXAMPLE);
    bytes[offset] = value;
    assert.throws(() => decodeRoot(bytes), (error) => {
      assert.ok(error instanceof RangeError);
      assert.match(error.message, reason, `byte ${offset}`);
      return true;
    });
  }
});

Deno.test("arbitrary bytes never decode as a root by accident", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: ROOT_LENGTH, maxLength: ROOT_LENGTH }),
    (bytes) => {
      assert.throws(() => decodeRoot(bytes), RangeError);
      assert.throws(() => decodeRootBlob(bytes, hasher), RangeError);
    },
  ));
});

Deno.test("a root blob carries what its checkpoint wrote, however many packs", () => {
  fc.assert(fc.property(record, cost, (given, wrote) => {
    const bytes = encodeRoot(given);
    assert.deepEqual(
      decodeRootBlob(encodeRootBlob(bytes, wrote, hasher), hasher),
      { record: given, hash: hashRoot(bytes, hasher).toHex(), ...wrote },
    );
  }));
});

Deno.test("a root blob with any bit flipped or any byte missing is refused", () => {
  const packs = ["11".repeat(32), "22".repeat(32)];
  const wrote = { packs, packBytes: 4711, blocksWritten: 3, blocksNew: 2 };
  const blob = encodeRootBlob(encodeRoot(EXAMPLE), wrote, hasher);
  for (let bit = 0; bit < blob.length * 8; bit++) {
    const bad = blob.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeRootBlob(bad, hasher), RangeError);
  }
  for (let length = 0; length < blob.length; length++) {
    const cut = blob.subarray(0, length);
    assert.throws(() => decodeRootBlob(cut, hasher), RangeError);
  }
});

Deno.test("sealed text decodes to what was encoded, and not when changed", () => {
  const fields = { type: "x", name: "größe", count: 3, holder: { pid: 1 } };
  const bytes = encodeSealedText(fields, hasher);
  assert.deepEqual(decodeSealedText(bytes, hasher), fields);
  const [line, seal] = new TextDecoder().decode(bytes).split("\n");
  assert.deepEqual(JSON.parse(line!), fields);
  assert.equal(seal, hasher.hash(new TextEncoder().encode(line)).toHex());
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const bad = bytes.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(decodeSealedText(bad, hasher), undefined);
  }
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.subarray(0, length);
    assert.equal(decodeSealedText(cut, hasher), undefined);
  }
});
