import assert from "node:assert/strict";
import { blake3 } from "@noble/hashes/blake3.js";
import { BlockKind } from "../../cas/block_store.ts";
import {
  createPortableHasher,
  createWasmHasher,
  type Hasher,
  isBlockKind,
  scoreContext,
  scoreKey,
} from "../../cas/score.ts";
import { chooseCodec } from "../../cli/archive/native_codec.ts";
import { loadNativeHasher } from "../../cli/archive/native_hash.ts";

/** The first 32 bytes of `hash` in the official test vectors of BLAKE3, by input length. */
const VECTORS: readonly (readonly [length: number, hash: string])[] = [
  [0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
  [1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"],
  [1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"],
  [1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"],
  [4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"],
  [4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"],
  [6145, "f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f"],
];

/** The published keys: docs/format.md, "Scores". */
const KEYS: readonly (readonly [kind: number, key: string])[] = [
  [1, "d267bfdd22b6a0e6b53d45a5809b9c3fd76636afdb8f8534c79f71517f6c4379"],
  [2, "00ec18664d132629d8e3305a2200f05911ee33d160441fbf552be537fad2e202"],
  [3, "b22d2ff43e89a57daf24ad7b2e4250bcab81cf2d2aeda230136bc58bd7a7d7dc"],
  [4, "9ed2db33d033d6d4750ba86e15e4dfadc6a11fa90bfc0889b2c506bcc1469c30"],
  [5, "5f376d7905c66dd0b3905ae0cca3c6959ec2b74ab5be27d78531aa1110287af1"],
  [6, "84c1b4f1a09724f50b825c0b4185a01bce95f6db0318d34294d87975991e80c5"],
  [7, "112545a10eeb32b01fb3f9a964fb28379bcf99f1b602dd798201335556b0a3e1"],
  [128, "20e6cac259c71ae50e81e72828642611ca192815785975713f4f285b76fab89a"],
];

const KINDS = [0, 1, 2, 3, 4, 5, 6, 7, 128];

/** The input of the official vectors: 0 to 250, over and over. */
function vectorInput(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

async function hashers(): Promise<Hasher[]> {
  const wasm = await createWasmHasher();
  const native = await loadNativeHasher(wasm);
  assert.ok(native, "@napi-rs/blake-hash does not load: run with --allow-ffi");
  return [createPortableHasher(), wasm, native];
}

Deno.test("every hasher gives the official BLAKE3 test vectors", async () => {
  for (const hasher of await hashers()) {
    for (const [length, hash] of VECTORS) {
      const found = hasher.hash(vectorInput(length)).toHex();
      assert.equal(found, hash, `${hasher.name}, ${length} bytes`);
    }
  }
});

Deno.test("all hashers agree on scores of every kind and on large inputs", async () => {
  const [oracle, ...others] = await hashers() as [Hasher, ...Hasher[]];
  const large = vectorInput(3 * 1024 * 1024 + 17);
  const expected = oracle.hash(large).toHex();
  for (const hasher of others) {
    assert.equal(hasher.hash(large).toHex(), expected);
    for (const kind of KINDS) {
      for (const length of [0, 1, 100, 4095, 4096]) {
        const block = vectorInput(length);
        const [left, right] = [new Uint8Array(40), new Uint8Array(40)];
        oracle.score(kind, block, left, 8);
        hasher.score(kind, block, right, 8);
        assert.deepEqual(right, left, `${hasher.name}, kind ${kind}`);
      }
    }
  }
});

Deno.test("scores do not depend on what memory a block lies in", async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(3 * 4096));
  shared.set(vectorInput(4096), 4096);
  for (const hasher of await hashers()) {
    const score = new Uint8Array(32);
    hasher.score(BlockKind.Data, shared.subarray(4096, 8192), score);
    assert.equal(score.toHex(), VECTORS[4]?.[1], hasher.name);
  }
});

Deno.test("every hasher takes a part of an array for that part", async () => {
  const noise = crypto.getRandomValues(new Uint8Array(8192));
  const [oracle, ...others] = await hashers() as [Hasher, ...Hasher[]];
  for (let round = 0; round < 64; round++) {
    const part = noise.subarray(round, round + 4096);
    const kind = KINDS[round % KINDS.length]!;
    const expected = new Uint8Array(32);
    oracle.score(kind, part, expected);
    for (const hasher of others) {
      const score = new Uint8Array(32);
      hasher.score(kind, part, score);
      assert.equal(score.toHex(), expected.toHex(), hasher.name);
    }
  }
});

Deno.test("every hasher takes an input in pieces, whatever it hashes between them", async () => {
  const input = vectorInput(300_000);
  const expected = createPortableHasher().hash(input).toHex();
  for (const hasher of await hashers()) {
    const stream = await hasher.begin();
    const other = await hasher.begin();
    for (let at = 0; at < input.length; at += 7001) {
      stream.update(input.subarray(at, at + 7001));
      other.update(input.subarray(0, 11));
      hasher.hash(input.subarray(0, 3));
      hasher.score(1, input.subarray(0, 4096), new Uint8Array(32));
    }
    assert.equal(stream.digest().toHex(), expected, hasher.name);
  }
});

Deno.test("a native hasher that does not agree is not used", async () => {
  const wrong = { ...await createWasmHasher(), score: () => {} };
  assert.equal(await loadNativeHasher(wrong), undefined);
});

Deno.test("a block has another score in every kind", () => {
  const hasher = createPortableHasher();
  const scores = KINDS.map((kind) => {
    const score = new Uint8Array(32);
    hasher.score(kind, vectorInput(4096), score);
    return score.toHex();
  });
  assert.equal(new Set(scores).size, KINDS.length);
});

Deno.test("the keys of the kinds are the published ones", () => {
  assert.equal(scoreKey(BlockKind.Data), undefined);
  assert.deepEqual(KEYS.map(([kind]) => kind), KINDS.slice(1));
  for (const [kind, key] of KEYS) {
    assert.equal(scoreKey(kind)?.toHex(), key);
    const context = new TextEncoder().encode(scoreContext(kind));
    assert.equal(blake3(new Uint8Array(0), { context }).toHex(), key);
  }
});

Deno.test("docs/format.md states the keys that the code uses", async () => {
  const page = await Deno.readTextFile(
    new URL("../../docs/format.md", import.meta.url),
  );
  for (const [kind, key] of KEYS) {
    assert.ok(page.includes(key), `kind ${kind}: ${key}`);
    assert.ok(page.includes(`\`${scoreContext(kind)}\``), `kind ${kind}`);
  }
});

Deno.test("a kind that does not exist has no score", async () => {
  for (const kind of [-1, 8, 127, 129, 0.5, NaN]) {
    assert.equal(isBlockKind(kind), false);
    for (const hasher of await hashers()) {
      assert.throws(
        () => hasher.score(kind, new Uint8Array(1), new Uint8Array(32)),
        RangeError,
      );
    }
  }
});

Deno.test("chooseCodec() says what it chose", async () => {
  const { hasher, lz4, close } = await chooseCodec();
  assert.equal(hasher.name, "@napi-rs/blake-hash");
  assert.match(lz4.name, /lz4|portable/);
  close();
});
