import assert from "node:assert/strict";
import { BlobError } from "../../blobstores/blob_store.ts";
import { MirrorHealer } from "../../blobstores/layers/mirror_healer.ts";
import { codeIs, DOWN, heal, makeRig, PACK, text } from "./mirror_rig.ts";

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

Deno.test("no repair makes a majority by which the next one overwrites a sound copy", async () => {
  const rig = await makeRig(4);
  for (const [index, copy] of ["one", "one", "other"].entries()) {
    rig.spaces[index]!.blobs.set("roots/a", text(copy));
  }
  for (const verify of [undefined, (): boolean => true, (): boolean => true]) {
    const options = verify === undefined ? {} : { verify };
    const { conflicts, replaced } = await rig.mirror.repair(options);
    assert.deepEqual(conflicts.map(({ key }) => key), ["roots/a"]);
    assert.deepEqual(replaced, []);
  }
  assert.deepEqual(rig.spaces[2]!.blobs.get("roots/a"), text("other"));
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
  assert.match(
    copied!,
    /memory:2 has all again whose copies.*agree: 1 blob of/,
  );
  assert.match(
    told!,
    /1 blob differ .*"roots\/a" \(3 bytes in memory:0, 5 bytes in memory:1\).*repair --store/,
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

Deno.test("a copy that its disk cannot read is read from another, and said", async () => {
  for (const key of [PACK, "roots/a"]) {
    const rig = await makeRig(3);
    await rig.mirror.put(key, text("right"));
    rig.members[0]!.store!.get = () =>
      Promise.reject(new BlobError("bad sector", { code: "Corrupt" }));
    for (let turn = 0; turn < 4; turn++) {
      assert.deepEqual(await rig.mirror.get(key), text("right"));
    }
    assert.equal(rig.messages.length, 1);
    assert.match(rig.messages[0]!, /"[^"]*" in memory:0 is damaged/);
    await rig.mirror.close();
  }
});

Deno.test("a copy that its disk cannot read is replaced as damage is, and hinders no other repair", async () => {
  for (const key of [PACK, "roots/a"]) {
    const rig = await makeRig(3);
    await rig.mirror.put(key, text("right"));
    rig.spaces[2]!.blobs.delete(key);
    const bad = rig.members[0]!.store!;
    bad.get = () =>
      Promise.reject(new BlobError("bad sector", { code: "Corrupt" }));
    const filled = await rig.mirror.repair();
    assert.equal(filled.copiedCount, 1);
    rig.spaces[0]!.blobs.set(key, text("?????"));
    const verify = (_: string, bytes: Uint8Array): boolean => bytes[0] === 114;
    const { replaced, lost } = await rig.mirror.repair({ verify });
    assert.deepEqual(lost, []);
    assert.deepEqual(replaced, [
      { key, store: "memory:0", wasSound: false },
    ]);
    assert.deepEqual(rig.spaces[0]!.blobs.get(key), text("right"));
    for (const { store } of rig.members) store!.get = bad.get;
    assert.deepEqual((await rig.mirror.repair({ verify })).lost, [key]);
    rig.spaces[2]!.blobs.delete(key);
    await assert.rejects(rig.mirror.repair(), codeIs("Corrupt"));
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

Deno.test("a mirror that is full says so each time, and is read meanwhile", async () => {
  const rig = await makeRig(2);
  await rig.mirror.put("roots/a", text("a"));
  rig.full.add(0).add(1);
  for (let times = 0; times < 3; times++) {
    // Also at once again, as an archive does that tries by chance.
    await assert.rejects(
      rig.mirror.put("roots/b", text("b")),
      codeIs("NoSpace"),
    );
    assert.deepEqual(await rig.mirror.get("roots/a"), text("a"));
    rig.clock.advance(1);
  }
  rig.full.clear();
  await rig.mirror.put("roots/b", text("b"));
  await rig.mirror.close();
});

Deno.test("that a member is full is told once, whatever does not fit", async () => {
  const rig = await makeRig(3);
  rig.full.add(2);
  for (const name of ["c", "b", "a"]) {
    await rig.mirror.put(`roots/${name}`, text(name));
    for (let times = 0; times < 5; times++) {
      rig.clock.advance(60_000);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  const lags = rig.messages.filter((it) => /lags/.test(it));
  assert.equal(lags.length, 1, lags.join("\n"));
  rig.full.clear();
  await heal(rig);
  assert.equal(rig.spaces[2]!.blobs.size, 3);
  await rig.mirror.close();
});

Deno.test("nothing is filled up in the background before the last of two repairs has ended", async () => {
  const { members, clock } = await makeRig(1);
  members[0]!.behind = true;
  let fillCount = 0;
  const healer = new MirrorHealer({
    members,
    admit: () => Promise.resolve(),
    repair: () => Promise.reject(new Error(`filled ${++fillCount}`)),
    clock,
    report: () => {},
  });
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const repairs = [first, second].map(({ promise }) =>
    healer.instead(() => promise)
  );
  healer.look();
  async function pass(): Promise<void> {
    clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  first.resolve();
  await repairs[0];
  for (let times = 0; times < 3; times++) await pass();
  assert.equal(fillCount, 0);
  second.resolve();
  await repairs[1];
  for (let times = 0; times < 3; times++) await pass();
  assert.ok(fillCount > 0);
  await healer.close();
});
