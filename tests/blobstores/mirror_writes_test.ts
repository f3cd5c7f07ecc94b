import assert from "node:assert/strict";
import { testBlobStore } from "../../blobstores/conformance.ts";
import { isQuorum } from "../../blobstores/layers/mirror_member.ts";
import { MemorySpace } from "../../blobstores/memory_store.ts";
import { codeIs, DOWN, makeRig, PACK, text } from "./mirror_rig.ts";

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
