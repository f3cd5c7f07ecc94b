import assert from "node:assert/strict";
import fc from "fast-check";
import lz4js from "lz4js";
import { BlockCodec, Codec } from "../../cas/codec/block_codec.ts";
import { createPortableLz4, type Lz4 } from "../../cas/codec/lz4.ts";
import {
  loadNativeLz4,
  type NativeLz4,
} from "../../cli/archive/native_codec.ts";

/** A second implementation of the format: lz4js, which knows no bounds and is only shown sound blocks. */
function decompressWithLz4js(source: Uint8Array): Uint8Array {
  const target = new Uint8Array(8192);
  const length = lz4js.decompressBlock(source, target, 0, source.length, 0);
  return target.subarray(0, length);
}

function compress(lz4: Lz4, block: Uint8Array): Uint8Array {
  const target = new Uint8Array(8192).fill(0xa5);
  return target.slice(0, lz4.compress(block, target));
}

function openNative(): NativeLz4 {
  const native = loadNativeLz4();
  assert.ok(native, "liblz4.so.1 does not load: apt-get install liblz4-1");
  return native;
}

/** Blocks as disks have them: noise, text, repetition, and mixtures. */
const blocks = fc.array(
  fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 600 }),
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(60)).map(
      ([piece, times]) =>
        Uint8Array.from(
          { length: piece.length * (times + 1) },
          (_, i) => piece[i % piece.length] as number,
        ),
    ),
  ),
  { minLength: 1, maxLength: 20 },
).map((pieces) => {
  const block = new Uint8Array(4096);
  let at = 0;
  for (const piece of pieces) {
    block.set(piece.subarray(0, 4096 - at), at);
    at = Math.min(4096, at + piece.length);
  }
  return block;
});

Deno.test("what one LZ4 implementation compresses the others decompress", () => {
  const native = openNative();
  const portable = createPortableLz4();
  fc.assert(fc.property(
    fc.oneof(blocks, fc.uint8Array({ minLength: 1, maxLength: 4096 })),
    (block) => {
      for (const from of [native, portable]) {
        const compressed = compress(from, block);
        for (const to of [native, portable]) {
          const target = new Uint8Array(block.length).fill(0xa5);
          assert.equal(to.decompress(compressed, target), block.length);
          assert.deepEqual(target, block, `${from.name} to ${to.name}`);
        }
        assert.deepEqual(decompressWithLz4js(compressed), block);
      }
    },
  ));
  native.close();
});

Deno.test("the decompressors never write or read beyond what they were given", () => {
  const native = openNative();
  const portable = createPortableLz4();
  const hostile = fc.oneof(
    fc.uint8Array({ minLength: 0, maxLength: 300 }),
    fc.tuple(blocks, fc.nat(), fc.nat(255), fc.nat()).map(
      ([block, at, byte, cut]) => {
        const bytes = compress(portable, block);
        bytes[at % bytes.length] = byte;
        return bytes.slice(0, 1 + cut % bytes.length);
      },
    ),
  );
  fc.assert(
    fc.property(hostile, (bytes) => {
      const results = [native, portable].map((lz4) => {
        const memory = new Uint8Array(4096 + 64).fill(0xa5);
        const length = lz4.decompress(bytes, memory.subarray(32, 32 + 4096));
        assert.ok(length >= -1 && length <= 4096);
        assert.ok(memory.subarray(0, 32).every((byte) => byte === 0xa5));
        assert.ok(memory.subarray(32 + 4096).every((byte) => byte === 0xa5));
        return { length, bytes: memory.slice(32, 32 + Math.max(0, length)) };
      });
      const [left, right] = results as [typeof results[0], typeof results[0]];
      // Where both find a block it is the same block.
      if (left !== undefined && left.length >= 0 && right.length >= 0) {
        assert.deepEqual(left, right);
      }
    }),
    { numRuns: 1000 },
  );
  native.close();
});

Deno.test("the portable decompressor refuses every malformed block", () => {
  const { decompress } = createPortableLz4();
  const target = new Uint8Array(64);
  const malformed: readonly (readonly [string, string])[] = [
    ["nothing at all", ""],
    ["literals missing", "40aabb"],
    ["a length that does not end", "f0ffff"],
    ["an offset cut short", "10aa01"],
    ["an offset of zero", "10aa000000"],
    ["an offset before the begin", "10aa020000"],
    ["a match length that does not end", "1faa0100ffff"],
    ["a match beyond the target", "1faa0100ff00"],
    ["literals beyond the target", "f0ff" + "aa".repeat(270)],
    ["no last literals", "10aa0100"],
  ];
  for (const [what, hex] of malformed) {
    assert.equal(decompress(Uint8Array.fromHex(hex), target), -1, what);
  }
});

Deno.test("compress() says 0 when the result does not fit", () => {
  const native = openNative();
  for (const lz4 of [native, createPortableLz4()]) {
    const noise = fc.sample(
      fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
      { numRuns: 1, seed: 1 },
    )[0] as Uint8Array;
    assert.equal(lz4.compress(noise, new Uint8Array(4095)), 0, lz4.name);
  }
  native.close();
});

Deno.test("a block is stored compressed only where that saves space", () => {
  fc.assert(fc.property(blocks, (block) => {
    const codec = new BlockCodec(createPortableLz4());
    const { codec: byte, bytes } = codec.encode(block);
    if (byte === Codec.Raw) assert.equal(bytes.length, 4096);
    else assert.ok(bytes.length < 4096);
    assert.deepEqual(codec.decode(byte, bytes.slice()), block);
  }));
});

Deno.test("a block of another length than 4096 bytes stays raw", () => {
  const codec = new BlockCodec(createPortableLz4());
  const root = new Uint8Array(400);
  assert.deepEqual(codec.encode(root), { codec: Codec.Raw, bytes: root });
});

Deno.test("decode() takes only known codecs and exactly 4096 bytes", () => {
  const lz4 = createPortableLz4();
  const codec = new BlockCodec(lz4);
  const short = compress(lz4, new Uint8Array(4000));
  const long = compress(lz4, new Uint8Array(4097));
  const right = compress(lz4, new Uint8Array(4096));
  assert.equal(codec.decode(Codec.Lz4, short), undefined);
  assert.equal(codec.decode(Codec.Lz4, long), undefined);
  assert.equal(codec.decode(Codec.Lz4, right)?.length, 4096);
  assert.equal(codec.decode(2, right), undefined);
  assert.equal(codec.decode(Codec.Raw, new Uint8Array(4097)), undefined);
});
