import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { blake3 } from "@noble/hashes/blake3.js";
import { BlobError } from "../../blobstores/blob_store.ts";
import { BlockKind } from "../../cas/block_store.ts";
import type { Hasher } from "../../cas/score.ts";
import { assertSame } from "../assert_same.ts";
import {
  assertReads,
  hasher,
  noise,
  openRig,
  PliableStore,
  readBlocks,
  sampleBlocks,
  scoreOf,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

const { Data, Root } = BlockKind;

const mixedBlocks = fc.array(
  fc.record({
    kind: fc.constantFrom(0, 1, 2, 7, 128),
    seed: fc.nat(30),
    zerosFrom: fc.nat(4096),
    length: fc.nat(4095),
  }),
  { maxLength: 60 },
).map((specs) =>
  specs.map(({ kind, seed, zerosFrom, length }): TestBlock => {
    const bytes = noise(seed, kind === Root ? length + 1 : 4096);
    return { kind, bytes: bytes.fill(0, zerosFrom) };
  })
);

Deno.test("blocks of all kinds come back from packs, stored once each", async () => {
  await fc.assert(
    fc.asyncProperty(mixedBlocks, async (blocks) => {
      const { packs, store } = openRig({ packBytesMax: 20_000 });
      const keys = new Set(blocks.map((block) => scoreOf(block).toHex()));
      const { newCount, names, byteCount } = await writeBlocks(packs, blocks);
      assert.equal(newCount, keys.size);
      assert.equal(packs.empty, keys.size === 0);
      let stored = 0;
      for (const [key, body] of store.space.blobs) {
        assert.ok(body.length <= 20_000);
        stored += body.length;
        const name = blake3(body).toHex();
        assert.equal(key, `packs/${name.slice(0, 2)}/${name}`);
        assert.ok(names.includes(name) && packs.knowsPack(name));
      }
      assert.equal(stored, byteCount);
      await assertReads(packs, blocks);
      await packs.close();
    }),
    { numRuns: 40 },
  );
});

Deno.test("the same blocks make the same packs", async () => {
  const digests = [1, 2].map(async () => {
    const { packs, store } = openRig({ packBytesMax: 50_000 });
    await writeBlocks(packs, sampleBlocks(40));
    const digest = createHash("sha256");
    for (const key of [...store.space.blobs.keys()].sort()) {
      digest.update(key).update(store.space.blobs.get(key) as Uint8Array);
    }
    return digest.digest("hex");
  });
  assert.equal(await digests[0], await digests[1]);
});

Deno.test("a block is stored once, whichever writer adds it", async () => {
  const { packs, store } = openRig();
  const blocks = sampleBlocks(10);
  const first = await writeBlocks(packs, [...blocks, ...blocks]);
  assert.equal(first.newCount, 10);
  const again = await writeBlocks(packs, blocks);
  assert.deepEqual(again, { newCount: 0, names: [], byteCount: 0 });
  assert.equal(store.space.blobs.size, 1);
});

Deno.test("a block of one kind is not found as one of another", async () => {
  const { packs } = openRig();
  const block = { kind: Data, bytes: noise(1) };
  await writeBlocks(packs, [block]);
  await assertReads(packs, [{ kind: 1, bytes: block.bytes }], [0]);
});

Deno.test("a block can be read only when its pack is durable", async () => {
  const { packs, store } = openRig();
  const gate = Promise.withResolvers<void>();
  store.before = (operation) => operation === "put" ? gate.promise : undefined;
  const blocks = sampleBlocks(3);
  const writing = writeBlocks(packs, blocks);
  await assertReads(packs, blocks, [0, 1, 2]);
  assert.equal(packs.empty, true);
  gate.resolve();
  await writing;
  await assertReads(packs, blocks);
});

Deno.test("add() holds a fast client back while packs are being put", async () => {
  const { packs, store } = openRig({
    packBytesMax: 20_000,
    packsInFlightMax: 2,
  });
  let under = 0;
  let underMax = 0;
  const gates: (() => void)[] = [];
  store.before = async (operation) => {
    if (operation !== "put") return;
    underMax = Math.max(underMax, ++under);
    await new Promise<void>((resolve) => gates.push(resolve));
    under--;
  };
  const writer = packs.write();
  let waited = 0;
  for (const block of sampleBlocks(60)) {
    const added = writer.add(Data, scoreOf(block), block.bytes);
    if (added === true) continue;
    waited++;
    await Promise.resolve();
    while (gates.length < 2) await new Promise((go) => setTimeout(go, 0));
    gates.shift()?.();
    assert.equal(await added, true);
  }
  const finished = writer.finish();
  while (under > 0 || gates.length > 0) {
    gates.shift()?.();
    await new Promise((go) => setTimeout(go, 0));
  }
  await finished;
  assert.ok(waited > 3);
  assert.equal(underMax, 2);
  await assertReads(packs, sampleBlocks(60));
});

Deno.test("neighbours are read with one operation", async () => {
  const { packs, store } = openRig();
  const blocks = sampleBlocks(100);
  await writeBlocks(packs, blocks);
  await assertReads(packs, blocks.toReversed());
  assert.equal(store.getCount, 1);
});

Deno.test("a store that does not answer is asked again for ever, and each time is reported", async () => {
  const { packs, store, events, slept } = openRig();
  const blocks = sampleBlocks(3);
  let failures = 0;
  store.before = (operation) => {
    if (++failures % 13 === 0) return;
    if (operation === "put") {
      throw new BlobError("no room", { code: "NoSpace" });
    }
    throw failures % 2 === 0
      ? new Error("something broke")
      : new BlobError("slow down", { code: "RateLimited", retryAfterMs: 777 });
  };
  await writeBlocks(packs, blocks);
  assert.equal(slept.length, 12);
  assert.equal(slept[0], 100);
  assert.equal(Math.max(...slept), 10_000);
  const [first, ...others] = events;
  assert.equal(first?.event, "store-full");
  assert.match(first?.message as string, /no room/);
  assert.deepEqual(
    others.map((event) => event.event),
    [...Array(12).fill("store-failed"), "store-recovered", "store-has-room"],
  );
  assert.equal(others[0]?.severity, "admin");
  assert.match(others[0]?.message as string, /put "packs\/.*no room/);
  await assertReads(packs, blocks);
  assert.ok(slept.includes(777));
  const fresh = openRig({ store });
  await fresh.packs.rebuild();
  await assertReads(fresh.packs, blocks);
});

Deno.test("a put that succeeded without an answer is not put twice", async () => {
  for (const createExclusive of [true, false]) {
    const store = new PliableStore(undefined, { createExclusive });
    const { packs } = openRig({ store });
    let puts = 0;
    store.afterPut = () => {
      if (puts++ === 0) {
        throw new BlobError("reset", { code: "Timeout", retryable: true });
      }
    };
    const blocks = sampleBlocks(3);
    await writeBlocks(packs, blocks);
    assert.equal(store.space.blobs.size, 1);
    await assertReads(packs, blocks);
  }
});

Deno.test("an index rebuilt from the packs finds what the first one found", async () => {
  const store = new PliableStore();
  const { packs } = openRig({ store, packBytesMax: 30_000 });
  const blocks = sampleBlocks(50);
  await writeBlocks(packs, blocks.slice(0, 30));
  await writeBlocks(packs, blocks.slice(30));
  await store.put("packs/00/stray", new Uint8Array(3));
  const fresh = openRig({ store });
  assert.equal(fresh.packs.empty, true);
  const progress: number[] = [];
  await fresh.packs.rebuild((packsDone) => progress.push(packsDone));
  assert.equal(progress.at(-1), store.space.blobs.size - 1);
  assert.equal((await writeBlocks(fresh.packs, blocks)).newCount, 0);
  await assertReads(fresh.packs, blocks);
  assert.deepEqual(fresh.events, []);
});

Deno.test("addPacks() makes the blocks of packs findable and reports missing ones", async () => {
  const store = new PliableStore();
  const first = openRig({ store, packBytesMax: 30_000 });
  const blocks = sampleBlocks(20);
  const { names } = await writeBlocks(first.packs, blocks);
  const { packs, events } = openRig({ store });
  const missing = "ab".repeat(32);
  await packs.addPacks([...names, missing, ...names]);
  assert.ok(names.every((name) => packs.knowsPack(name)));
  assert.equal(packs.knowsPack(missing), false);
  assert.equal(events.length, 1);
  assert.equal(events[0]?.event, "pack-missing");
  assert.equal(events[0]?.pack, missing);
  await assertReads(packs, blocks);
});

Deno.test("a directory larger than the first read is loaded whole", async () => {
  const store = new PliableStore();
  const { packs } = openRig({ store });
  const blocks = Array.from({ length: 8000 }, (_, i) => {
    const bytes = new Uint8Array(4096);
    new DataView(bytes.buffer).setUint32(100, i);
    return { kind: Data, bytes };
  });
  await writeBlocks(packs, blocks);
  assert.ok(8000 * 28 > 192 * 1024);
  const fresh = openRig({ store });
  await fresh.packs.rebuild();
  assert.deepEqual(fresh.events, []);
  await assertReads(fresh.packs, blocks.slice(0, 10));
});

Deno.test("closing ends the retries", async () => {
  const waits = Promise.withResolvers<void>();
  const { packs, store } = openRig({
    sleep: (_, signal) => {
      waits.resolve();
      return new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve())
      );
    },
  });
  store.before = () => {
    throw new BlobError("away", { code: "Unavailable", retryable: true });
  };
  const writing = writeBlocks(packs, sampleBlocks(1));
  await waits.promise;
  await packs.close();
  await assert.rejects(writing, { code: "Closed" });
  assert.throws(() => packs.write(), { code: "Closed" });
});

Deno.test("a read that was rejected delivers nothing any more: what its blocks were to go into may be another's", async () => {
  const { packs, store } = openRig();
  const one = sampleBlocks(1, 1);
  const other = sampleBlocks(1, 2);
  const [refused] = (await writeBlocks(packs, one)).names as [string];
  await writeBlocks(packs, other);
  const gate = Promise.withResolvers<void>();
  const isRead = Promise.withResolvers<void>();
  store.before = (operation, key) => {
    if (operation !== "get") return;
    if (!key.endsWith(refused)) return gate.promise;
    throw new BlobError("no", { code: "Unsupported" });
  };
  store.onGet = (bytes) => {
    isRead.resolve();
    return bytes;
  };
  const scores = new Uint8Array(64);
  [...one, ...other].forEach((it, i) => scores.set(scoreOf(it), i * 32));
  let count = 0;
  await assert.rejects(packs.read(Data, scores, () => void count++), /no/);
  gate.resolve();
  await isRead.promise;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(count, 0);
});

Deno.test("a read under way while the index is made anew tells of no damage where there is none", async () => {
  const { packs, store } = openRig({ packBytesMax: 16_384 });
  const blocks = sampleBlocks(12);
  const { names } = await writeBlocks(packs, blocks);
  assert.ok(names.length > 2);
  const begun = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const list = Promise.withResolvers<void>();
  let heldCount = 0;
  store.before = async (operation) => {
    if (operation === "list") return await list.promise;
    heldCount++;
    begun.resolve();
    await answer.promise;
  };
  // What is cut off is asked for again, block by block.
  store.onGet = (bytes) => heldCount-- > 0 ? bytes.slice(0, 5) : bytes;
  const read = readBlocks(packs, blocks);
  await begun.promise;
  const rebuilt = packs.rebuild();
  store.before = (operation) => operation === "list" ? list.promise : undefined;
  answer.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  list.resolve();
  await rebuilt;
  for (const [i, found] of (await read).entries()) {
    assert.ok(found instanceof Uint8Array, `block ${i}`);
    assertSame(found, blocks[i]!.bytes);
  }
  await packs.close();
});

Deno.test("a block is never served for another one with which it shares 160 bits of its score", async () => {
  // Every two blocks are such twins here.
  const alike: Hasher = {
    ...hasher,
    hash: hasher.hash,
    score(kind, block, target, offset = 0): void {
      hasher.score(kind, block, target, offset);
      target.fill(7, offset, offset + 20);
    },
  };
  const { packs } = openRig({ hasher: alike });
  const [one, other] = [noise(1), noise(2)].map((block) => {
    const score = new Uint8Array(32);
    alike.score(Data, block, score);
    return { block, score };
  }) as [Twin, Twin];
  const writer = packs.write();
  assert.equal(await writer.add(Data, one.score, one.block), true);
  await writer.finish();
  for (const isNew of [false, true]) {
    if (isNew) await packs.rebuild();
    const read = new Map<Twin, Uint8Array | string>();
    for (const twin of [one, other]) {
      await packs.read(Data, twin.score, (_, block, damage) => {
        read.set(twin, block?.slice() ?? damage!.reason);
      });
    }
    assertSame(read.get(one) as Uint8Array, one.block);
    assert.equal(read.get(other), `its score is ${one.score.toHex()}`);
  }
});

interface Twin {
  readonly block: Uint8Array;
  readonly score: Uint8Array;
}
