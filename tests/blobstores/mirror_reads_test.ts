import assert from "node:assert/strict";
import { codeIs, DOWN, makeRig, PACK, text } from "./mirror_rig.ts";

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

Deno.test("members read into memory of their own: what they have read may mend others later", async () => {
  const rig = await makeRig(3);
  await rig.mirror.put(PACK, text("pack"));
  await rig.mirror.put("names/a", text("name"));
  const range = { offset: 0, length: 4 };
  const allocate = (): never => assert.fail("memory of the caller was taken");
  for (const key of [PACK, "names/a"]) {
    const bytes = await rig.mirror.get(key, { range, allocate });
    assert.equal(bytes.length, 4);
  }
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
