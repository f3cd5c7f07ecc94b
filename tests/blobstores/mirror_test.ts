import assert from "node:assert/strict";
import {
  BlobError,
  blobErrorCode,
  type BlobStore,
} from "../../blobstores/blob_store.ts";
import { testBlobStore } from "../../blobstores/conformance.ts";
import { type Fault, FaultyStore } from "../../blobstores/faults.ts";
import { MirrorStore } from "../../blobstores/layers/mirror.ts";
import {
  isQuorum,
  MirrorMember,
} from "../../blobstores/layers/mirror_member.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import { ManualLayerClock } from "./manual_layer_clock.ts";

const PACK = `packs/ab/${"ab".repeat(32)}`;
const text = (it: string): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(it);
const DOWN: Fault = { code: "Unavailable" };

interface Rig {
  readonly mirror: MirrorStore;
  readonly members: readonly MirrorMember[];
  readonly spaces: readonly MemorySpace[];
  /** What goes wrong with all operations of a member. */
  readonly faults: (Fault | null)[];
  /** Operations of each member, as "put key". */
  readonly asked: string[][];
  readonly messages: string[];
  readonly clock: ManualLayerClock;
}

interface RigOptions {
  readonly spaces?: readonly MemorySpace[];
  readonly writeCountMin?: number;
  readonly admit?: (member: MirrorMember) => Promise<void>;
  /** Members that cannot be opened at first. */
  readonly away?: readonly number[];
}

async function makeRig(count: number, options: RigOptions = {}): Promise<Rig> {
  const { writeCountMin = 1, away = [] } = options;
  const spaces = options.spaces ??
    Array.from({ length: count }, () => new MemorySpace());
  const faults: (Fault | null)[] = spaces.map((_, index) =>
    away.includes(index) ? DOWN : null
  );
  const clock = new ManualLayerClock();
  const asked: string[][] = spaces.map(() => []);
  const members = spaces.map((space, index) =>
    new MirrorMember(index, {
      display: `member ${index}`,
      open: (): Promise<BlobStore> =>
        faults[index] === DOWN
          ? Promise.reject(
            new BlobError("it is away", { code: "Unavailable" }),
          )
          : Promise.resolve(
            new FaultyStore(
              new MemoryStore({ space, display: `memory:${index}` }),
              {
                choose: ({ name, key }) => {
                  asked[index]!.push(`${name} ${key}`);
                  return faults[index]!;
                },
                sleep: (ms, signal) =>
                  clock.sleep(ms, signal ?? new AbortController().signal),
              },
            ),
          ),
    }, clock)
  );
  await Promise.allSettled(members.map((it) => it.open()));
  const messages: string[] = [];
  const mirror = new MirrorStore({
    members,
    writeCountMin,
    admit: options.admit ?? (() => Promise.resolve()),
    clock,
    report: (message) => messages.push(message),
  });
  return { mirror, members, spaces, faults, asked, messages, clock };
}

/** Lets the background work until nothing is behind. */
async function heal({ members, clock }: Rig): Promise<void> {
  for (let step = 0; step < 50; step++) {
    clock.advance(60_000);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (members.every((it) => !it.behind && it.store !== undefined)) return;
  }
  assert.fail("a member is still behind");
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => blobErrorCode(error) === code;
}

for (const count of [2, 3]) {
  testBlobStore(`a mirror of ${count}`, () => {
    const spaces = Array.from({ length: count }, () => new MemorySpace());
    return Promise.resolve({
      open: async () => (await makeRig(count, { spaces })).mirror,
    });
  });
}

Deno.test("any two quorums share a member, and one of all sets and the rest is one", async () => {
  for (let count = 2; count <= 5; count++) {
    const { members } = await makeRig(count);
    const quorums: number[] = [];
    for (let set = 0; set < 1 << count; set++) {
      const chosen = members.filter(({ index }) => set >> index & 1);
      if (isQuorum(chosen, count)) quorums.push(set);
    }
    for (const one of quorums) {
      for (const other of quorums) assert.notEqual(one & other, 0);
    }
    assert.equal(quorums.length, 1 << (count - 1));
  }
});

Deno.test("a blob goes to all members; one that is away gets it when it is back", async () => {
  const rig = await makeRig(3);
  await rig.mirror.put("roots/a", text("1"));
  rig.faults[2] = DOWN;
  await rig.mirror.put("roots/b", text("2"));
  await rig.mirror.put(PACK, text("pack"));
  assert.deepEqual([...rig.spaces[2]!.blobs.keys()], ["roots/a"]);
  rig.faults[2] = null;
  await heal(rig);
  assert.deepEqual([...rig.spaces[2]!.blobs.keys()].sort(), [
    PACK,
    "roots/a",
    "roots/b",
  ]);
  // A root never comes before its packs.
  const puts = rig.asked[2]!.filter((it) => it.startsWith("put"));
  assert.ok(puts.lastIndexOf(`put ${PACK}`) < puts.lastIndexOf("put roots/b"));
  assert.match(rig.messages.join("\n"), /memory:2 is up to date again/);
  await rig.mirror.close();
});

Deno.test("a member that is away at the start is opened and filled later", async () => {
  const rig = await makeRig(3, { away: [1] });
  await rig.mirror.put(PACK, text("pack"));
  assert.equal(rig.members[1]!.store, undefined);
  rig.faults[1] = null;
  await heal(rig);
  assert.ok(rig.spaces[1]!.blobs.has(PACK));
  await rig.mirror.close();
});

Deno.test("a member that comes late is not used before it was looked at, whatever comes between", async () => {
  const looked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let times = 0;
  const rig = await makeRig(3, {
    away: [1],
    async admit(member): Promise<void> {
      await member.look((store) => store.head("format"));
      // The first time it goes away in the middle.
      if (++times === 1) throw new BlobError("away", { code: "Unavailable" });
      looked.resolve();
      await goOn.promise;
    },
  });
  rig.faults[1] = null;
  const healed = heal(rig);
  await looked.promise;
  await rig.mirror.put(PACK, text("pack"));
  await rig.mirror.put("roots/a", text("a"), { ifAbsent: true });
  assert.equal(rig.spaces[1]!.blobs.size, 0);
  goOn.resolve();
  await healed;
  assert.equal(times, 2);
  assert.equal(rig.spaces[1]!.blobs.size, 2);
  await rig.mirror.close();
});

Deno.test("without a quorum nothing is stored, listed, or known to be absent; packs are read", async () => {
  const rig = await makeRig(2);
  await rig.mirror.put(PACK, text("pack"));
  await rig.mirror.put("names/x", text("x"));
  rig.faults[0] = DOWN;
  for (
    const tried of [
      () => rig.mirror.put("roots/a", text("1")),
      () => rig.mirror.put("roots/c", text("1"), { ifAbsent: true }),
      () => rig.mirror.get("roots/none"),
      // What the first member may have outvotes it.
      () => rig.mirror.get("names/x"),
      () => rig.mirror.head("roots/none"),
      () => Array.fromAsync(rig.mirror.list("")),
    ]
  ) await assert.rejects(tried, codeIs("Unavailable"));
  assert.deepEqual(await rig.mirror.get(PACK), text("pack"));
  await rig.mirror.close();
});

Deno.test("a mirror of two goes on without the second", async () => {
  const rig = await makeRig(2);
  rig.faults[1] = DOWN;
  await rig.mirror.put("roots/a", text("1"), { ifAbsent: true });
  assert.deepEqual(await rig.mirror.get("roots/a"), text("1"));
  assert.equal(await rig.mirror.head("roots/b"), null);
  assert.equal((await Array.fromAsync(rig.mirror.list(""))).length, 1);
  await rig.mirror.close();
});

Deno.test("as many members as asked for must have a blob", async () => {
  const rig = await makeRig(3, { writeCountMin: 3 });
  rig.faults[2] = DOWN;
  await assert.rejects(
    rig.mirror.put(PACK, text("pack")),
    codeIs("Unavailable"),
  );
  await rig.mirror.close();
});

Deno.test("of many creators through mirrors of their own one wins, whoever is away for whom", async () => {
  for (let away = 0; away < 27; away++) {
    const spaces = Array.from({ length: 3 }, () => new MemorySpace());
    const rigs = await Promise.all(
      [0, 1, 2].map((it) => {
        // Each sees another member as lost, or (3) none.
        const lost = Math.floor(away / 3 ** it) % 3;
        return makeRig(3, { spaces, away: lost === it ? [] : [lost] });
      }),
    );
    const outcomes = await Promise.allSettled(
      rigs.map(({ mirror }, index) =>
        mirror.put("epoch/1", text(`writer ${index}`), { ifAbsent: true })
      ),
    );
    const winners = outcomes.flatMap(({ status }, index) =>
      status === "fulfilled" ? [index] : []
    );
    assert.ok(winners.length <= 1, `${winners} won with ${away}`);
    if (winners.length === 1) {
      const { mirror } = await makeRig(3, { spaces });
      const kept = await mirror.get("epoch/1");
      assert.deepEqual(kept, text(`writer ${winners[0]}`));
      await mirror.close();
    }
    for (const { mirror } of rigs) await mirror.close();
  }
});

Deno.test("a create whose answer was lost succeeds when it is repeated, or meets its own blob", async () => {
  const rig = await makeRig(3);
  rig.faults[0] = { code: "Timeout", afterEffect: true };
  rig.faults[1] = DOWN;
  const create = (): Promise<void> =>
    rig.mirror.put("roots/a", text("1"), { ifAbsent: true });
  await assert.rejects(create, codeIs("Unavailable"));
  rig.faults[0] = null;
  rig.faults[1] = null;
  rig.clock.advance(60_000);
  await create();
  await assert.rejects(create, codeIs("AlreadyExists"));
  await assert.rejects(
    rig.mirror.put("roots/a", text("2"), { ifAbsent: true }),
    codeIs("AlreadyExists"),
  );
  assert.deepEqual(await rig.mirror.get("roots/a"), text("1"));
  await rig.mirror.close();
});

Deno.test("a stray blob of a writer that lost is outvoted, and replaced by a repair", async () => {
  const rig = await makeRig(3);
  rig.spaces[0]!.blobs.set("roots/a", text("stray"));
  rig.spaces[1]!.blobs.set("roots/a", text("right"));
  rig.spaces[2]!.blobs.set("roots/a", text("right"));
  assert.deepEqual(await rig.mirror.get("roots/a"), text("right"));
  const repair = await rig.mirror.repair({ verify: () => true });
  assert.equal(repair.replaced.length, 1);
  assert.deepEqual(rig.spaces[0]!.blobs.get("roots/a"), text("right"));
  await rig.mirror.close();
});

Deno.test("a stray is not served while it cannot be told from what counts", async () => {
  const rig = await makeRig(3);
  rig.spaces[0]!.blobs.set("roots/a", text("stray"));
  rig.spaces[1]!.blobs.set("roots/a", text("right"));
  rig.spaces[2]!.blobs.set("roots/a", text("right"));
  for (const away of [[1], [2], [1, 2]]) {
    for (const index of away) rig.faults[index] = DOWN;
    await assert.rejects(rig.mirror.get("roots/a"), codeIs("Unavailable"));
    for (const index of away) rig.faults[index] = null;
    rig.clock.advance(60_000);
  }
  rig.faults[0] = DOWN;
  assert.deepEqual(await rig.mirror.get("roots/a"), text("right"));
  // Nor does it spread to one that lacks it.
  rig.faults[0] = null;
  rig.clock.advance(60_000);
  rig.spaces[2]!.blobs.delete("roots/a");
  const repair = await rig.mirror.repair();
  assert.deepEqual(repair.conflicts.map(({ key }) => key), ["roots/a"]);
  assert.equal(rig.spaces[2]!.blobs.has("roots/a"), false);
  await rig.mirror.close();
});

Deno.test("what differs between members is told, and is not called up to date", async () => {
  const rig = await makeRig(3);
  await rig.mirror.put(PACK, text("pack"));
  rig.spaces[0]!.blobs.set("roots/a", text("one"));
  rig.spaces[1]!.blobs.set("roots/a", text("other"));
  rig.spaces[2]!.blobs.delete(PACK);
  await rig.mirror.head(PACK);
  await heal(rig);
  const [copied, told] = rig.messages;
  assert.match(copied!, /memory:2 has all again whose copies.*agree: 1 blobs/);
  assert.match(
    told!,
    /1 blobs differ .*"roots\/a" \(3 bytes in memory:0, 5 bytes in memory:1\).*repair --store/,
  );
  // Each time, it would be noise.
  rig.spaces[2]!.blobs.delete(PACK);
  await rig.mirror.head(PACK);
  await heal(rig);
  assert.equal(rig.messages.filter((it) => /differ/.test(it)).length, 1);
  assert.ok(!rig.spaces[2]!.blobs.has("roots/a"));
  await rig.mirror.close();
});

Deno.test("a member that is being filled hides nothing, though it is a quorum", async () => {
  const rig = await makeRig(2);
  for (const key of ["format", "roots/a"]) {
    rig.spaces[1]!.blobs.set(key, text(key));
  }
  rig.members[0]!.isEmpty = true;
  const create = (key: string): Promise<void> =>
    rig.mirror.put(key, text("other"), { ifAbsent: true });
  await assert.rejects(create("roots/a"), codeIs("AlreadyExists"));
  rig.faults[1] = DOWN;
  for (
    const tried of [
      () => create("roots/b"),
      () => rig.mirror.get("roots/a"),
      () => rig.mirror.head("roots/a"),
      () => Array.fromAsync(rig.mirror.list("")),
    ]
  ) await assert.rejects(tried, codeIs("Unavailable"));
  rig.faults[1] = null;
  rig.clock.advance(60_000);
  assert.deepEqual(await rig.mirror.get("roots/a"), text("roots/a"));
  assert.equal(await rig.mirror.head("roots/none"), null);
  await create("roots/b");
  await heal(rig);
  assert.equal(rig.members[0]!.isEmpty, false);
  // The blob that tells that it is filled comes last.
  const puts = rig.asked[0]!.filter((it) => it.startsWith("put"));
  assert.deepEqual(puts.slice(-2), ["put roots/a", "put format"]);
  rig.faults[1] = DOWN;
  assert.equal(await rig.mirror.head("roots/none"), null);
  await rig.mirror.close();
});

Deno.test("damage in one member is read from another, said, and mended by a repair alone", async () => {
  for (const key of [PACK, "roots/a"]) {
    const rig = await makeRig(2);
    await rig.mirror.put(key, text("right"));
    rig.spaces[0]!.blobs.set(key, text("wrong"));
    const accept = (bytes: Uint8Array): boolean => bytes[0] === 114;
    for (let turn = 0; turn < 4; turn++) {
      assert.deepEqual(await rig.mirror.get(key, { accept }), text("right"));
    }
    assert.match(rig.messages[0]!, /"[^"]*" in memory:0 is damaged/);
    // Without a way to tell, nothing is replaced.
    await rig.mirror.repair();
    assert.deepEqual(rig.spaces[0]!.blobs.get(key), text("wrong"));
    const repair = await rig.mirror.repair({
      verify: (_, bytes) => accept(bytes),
    });
    assert.equal(repair.replaced.length, 1);
    assert.deepEqual(rig.spaces[0]!.blobs.get(key), text("right"));
    await rig.mirror.close();
  }
});

Deno.test("what is damaged everywhere is returned, and told as lost by a repair", async () => {
  const rig = await makeRig(2);
  await rig.mirror.put(PACK, text("wrong"));
  const accept = (): boolean => false;
  assert.deepEqual(await rig.mirror.get(PACK, { accept }), text("wrong"));
  const repair = await rig.mirror.repair({ verify: accept });
  assert.deepEqual(repair.lost, [PACK]);
  assert.equal(repair.replaced.length, 0);
  await rig.mirror.close();
});

Deno.test("a pack that one member lost is read from another and copied back", async () => {
  const rig = await makeRig(2);
  await rig.mirror.put(PACK, text("pack"));
  rig.spaces[0]!.blobs.delete(PACK);
  for (let turn = 0; turn < 3; turn++) {
    assert.deepEqual(await rig.mirror.get(PACK), text("pack"));
  }
  await heal(rig);
  assert.deepEqual(rig.spaces[0]!.blobs.get(PACK), text("pack"));
  await rig.mirror.close();
});

Deno.test("a member that does not answer does not delay a read for long", async () => {
  const rig = await makeRig(2);
  await rig.mirror.put(PACK, text("pack"));
  rig.faults[0] = { delayMs: 1e9 };
  const reading = rig.mirror.get(PACK);
  let read = false;
  reading.then(() => read = true);
  for (let waitedMs = 0; waitedMs < 200 && !read; waitedMs += 50) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    rig.clock.advance(50);
  }
  assert.deepEqual(await reading, text("pack"));
  await rig.mirror.close();
});

Deno.test("a listing is the union of a quorum's, in order, also when a member fails within", async () => {
  const rig = await makeRig(3);
  for (let number = 10; number < 40; number++) {
    rig.spaces[number % 3]!.blobs.set(`roots/${number}`, text("x"));
    rig.spaces[(number + 1) % 3]!.blobs.set(`roots/${number}`, text("x"));
  }
  rig.faults[1] = { code: "Unavailable", afterEffect: true };
  const keys = (await Array.fromAsync(rig.mirror.list("roots/")))
    .map(({ key }) => key);
  assert.deepEqual(
    keys,
    Array.from({ length: 30 }, (_, index) => `roots/${index + 10}`),
  );
  await rig.mirror.close();
});
