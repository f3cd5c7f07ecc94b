import assert from "node:assert/strict";
import { BlobError } from "../../blobstores/blob_store.ts";
import type { StateReference } from "../../cas/volume_states.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import {
  copyArchive,
  type CopyResult,
} from "../../cas/transfer/archive_copy.ts";
import { importImage } from "../../cas/transfer/image_import.ts";
import { noise, PliableStore } from "./packs_rig.ts";
import { refused } from "./refusal.ts";
import { engineOf, TestImage, TransferRig } from "./transfer_rig.ts";

const nothing = (): void => {};

function imageOf(...seeds: readonly number[]): TestImage {
  const blocks = new Map(
    seeds.map((seed, index) => [index * 200, noise(seed)]),
  );
  return new TestImage(seeds.length * 200 * BLOCK_SIZE, blocks);
}

async function addState(
  rig: TransferRig,
  volume: string,
  ...seeds: readonly number[]
): Promise<void> {
  await importImage(imageOf(...seeds), volume, rig.context, nothing);
}

function copy(
  rig: TransferRig,
  to: PliableStore,
  volumeId?: string,
): Promise<CopyResult> {
  return copyArchive({
    from: rig.context,
    to: engineOf(to),
    create: true,
    ...(volumeId === undefined ? {} : { volumeId }),
    holder: { host: "test" },
    progress: nothing,
  });
}

function keysOf(store: PliableStore, prefix: RegExp): string[] {
  return [...store.space.blobs.keys()].filter((key) => prefix.test(key)).sort();
}

/** Two volumes, two states and a snapshot that is off the list. */
async function madeArchive(): Promise<TransferRig> {
  const rig = await TransferRig.open();
  await addState(rig, "disk", 1, 2);
  await addState(rig, "disk", 1, 3);
  await addState(rig, "tape", 4, 5, 1);
  for (const name of ["monday", "tuesday"]) {
    const state = { volume: "disk" };
    await rig.archive.operate("snapshot create", { state, name });
  }
  await rig.archive.operate("snapshot retire", {
    volume: "disk",
    name: "monday",
  });
  return rig;
}

Deno.test("a copy has the same roots, names and packs, is complete, and has its own id", async () => {
  await using rig = await madeArchive();
  const to = new PliableStore();
  const failed = new Set<string>();
  to.before = (operation, key) => {
    const [kind] = key.split("/");
    if (failed.has(`${operation} ${kind}`)) return;
    failed.add(`${operation} ${kind}`);
    throw new BlobError("It is away", { code: "Unavailable" });
  };
  const result = await copy(rig, to);
  to.before = () => {};
  assert.deepEqual(
    [result.volumeCount, result.rootCount, result.nameCount],
    [2, 3, 3],
  );
  const all = /^(roots|names|retired|packs)\//;
  for (const key of keysOf(rig.store, all)) {
    assert.deepEqual(to.space.blobs.get(key), rig.space.blobs.get(key), key);
  }
  assert.deepEqual(keysOf(to, all), keysOf(rig.store, all));
  await using other = await TransferRig.open(to.space);
  assert.notEqual(other.archive.archiveId, rig.archive.archiveId);
  assert.deepEqual(
    await other.archive.operate("volume list", {}),
    await rig.archive.operate("volume list", {}),
  );
  const listed = await other.archive.operate("snapshot list", {});
  assert.deepEqual(listed.map(({ name }) => name), ["tuesday"]);
  const retired = await other.archive.operate("snapshot list", {
    retired: true,
  });
  assert.deepEqual(retired.map(({ name }) => name), ["monday"]);
  assert.deepEqual((await other.archive.operate("check", {})).faults, []);
});

Deno.test("a second copy brings only what is new", async () => {
  await using rig = await madeArchive();
  const to = new PliableStore();
  const first = await copy(rig, to);
  const none = await copy(rig, to);
  assert.deepEqual(
    [none.rootCount, none.nameCount, none.packCount, none.packsPresent],
    [0, 0, 0, first.packCount],
  );
  await addState(rig, "disk", 9);
  const more = await copy(rig, to);
  assert.deepEqual([more.rootCount, more.packCount], [1, 2]);
});

Deno.test("packs come first, then roots from the oldest on, then names; an interrupted copy goes on", async () => {
  await using rig = await madeArchive();
  const order: string[] = [];
  const whole = new PliableStore();
  whole.afterPut = (key) => order.push(key);
  await copy(rig, whole);
  const kinds = order.map((key) => key.split("/")[0]!)
    .filter((kind) => /^(packs|roots|names|retired)$/.test(kind));
  const runs = kinds.filter((kind, index) => kinds[index - 1] !== kind);
  assert.deepEqual(runs, ["packs", "roots", "names", "retired"]);
  const roots = order.filter((key) => key.startsWith("roots/"));
  assert.deepEqual(roots, roots.toSorted());
  const total = order.length;
  const space = new PliableStore().space;
  for (let allowed = 0;; allowed++) {
    const to = new PliableStore(space);
    let puts = 0;
    to.before = (operation, key) => {
      if (operation !== "put" || /^(epoch|left)/.test(key)) return;
      // An answer: it is not tried again.
      if (puts++ >= 2) {
        throw new BlobError("The test ends here", { code: "Unsupported" });
      }
    };
    try {
      await copy(rig, to);
      break;
    } catch (error) {
      assert.match(String(error), /The test ends here/);
    }
    const there = keysOf(to, /^roots\//).length;
    const packs = keysOf(to, /^packs\//);
    if (there > 0) assert.deepEqual(packs, keysOf(rig.store, /^packs\//));
    assert.ok(allowed < total, "it does not go on");
  }
  const all = /^(roots|names|retired|packs)\//;
  const done = new PliableStore(space);
  assert.deepEqual(keysOf(done, all), keysOf(rig.store, all));
});

Deno.test("the copy of one volume is complete and has no other", async () => {
  await using rig = await madeArchive();
  const volume = (await rig.archive.operate("volume list", {}))
    .find((it) => it.volume === "tape")!;
  const to = new PliableStore();
  const result = await copy(rig, to, volume.volumeId);
  assert.ok(result.packCount < rig.packs.length);
  {
    await using other = await TransferRig.open(to.space);
    assert.deepEqual(await other.archive.operate("volume list", {}), [volume]);
    assert.deepEqual((await other.archive.operate("check", {})).faults, []);
    await refused(copy(rig, to), "Held", /stop that server/);
  }
  await copy(rig, to);
  await using other = await TransferRig.open(to.space);
  const checked = await other.archive.operate("check", {});
  assert.deepEqual(checked.faults, []);
  assert.equal(checked.rootCount, 3);
});

Deno.test("a damaged pack is refused by its name, the others are copied, and no root is", async () => {
  await using rig = await madeArchive();
  const key = rig.packs[1]!;
  const sound = rig.space.blobs.get(key)!;
  const damaged = sound.slice();
  damaged[40]! ^= 1;
  rig.space.blobs.set(key, damaged);
  const to = new PliableStore();
  const name = key.slice("packs/xx/".length);
  await refused(
    copy(rig, to),
    "Damaged",
    new RegExp(`1 pack .*${name}.*restore these, and copy again`),
  );
  assert.deepEqual(keysOf(to, /^(roots|names)\//), []);
  assert.equal(keysOf(to, /^packs\//).length, rig.packs.length - 1);
  rig.space.blobs.set(key, sound);
  const result = await copy(rig, to);
  assert.equal(result.packCount, 1);
});

Deno.test("a destination that went its own way is refused before anything is copied", async () => {
  await using rig = await madeArchive();
  const to = new PliableStore();
  await copy(rig, to);
  {
    await using other = await TransferRig.open(to.space);
    await addState(other, "disk", 70);
  }
  assert.equal((await copy(rig, to)).rootCount, 0);
  await addState(rig, "disk", 71);
  const before = to.space.blobs.size;
  await refused(copy(rig, to), "OtherVolume", /"disk".*written there/);
  // The claim and the note that it was left.
  assert.ok(to.space.blobs.size <= before + 2);
  const named = new PliableStore();
  {
    await using other = await TransferRig.open(named.space);
    await addState(other, "disk", 80);
  }
  await refused(copy(rig, named), "NameTaken", /volume rename disk/);
  await refused(copy(rig, rig.store), "OtherVolume", /the same archive/);
});

Deno.test("a name that is there for another state is a conflict, and nothing is overwritten", async () => {
  await using rig = await madeArchive();
  const to = new PliableStore();
  assert.deepEqual((await copy(rig, to)).nameConflicts, []);
  const history = await rig.archive.operate("history", {
    volume: "disk",
    countMax: 9,
  });
  const first = history.entries.at(-1)!;
  assert.ok("rootHash" in first);
  const older = { root: first.rootHash };
  const name = (
    archive: TransferRig["archive"],
    snapshot: string,
    state: StateReference,
  ): Promise<unknown> =>
    archive.operate("snapshot create", { state, name: snapshot });
  {
    await using other = await TransferRig.open(to.space);
    for (const day of ["friday", "saturday", "sunday"]) {
      await name(other.archive, day, { volume: "disk" });
    }
  }
  await name(rig.archive, "friday", older);
  await name(rig.archive, "saturday", { volume: "disk" });
  await name(rig.archive, "sunday", older);
  await name(rig.archive, "thursday", older);
  const sunday = { volume: "disk", name: "sunday" };
  await rig.archive.operate("snapshot retire", sunday);
  const before = new Map(to.space.blobs);
  const result = await copy(rig, to);
  // Saturday is one state on both sides, and sunday on nobody's list here.
  assert.deepEqual(result.nameConflicts.map((it) => it.name), ["friday"]);
  const [conflict] = result.nameConflicts;
  assert.equal(conflict!.volume, "disk");
  assert.match(conflict!.reason, /state 0, root .*, and it is state 1, root /);
  assert.equal(result.nameCount, 1);
  for (const [key, bytes] of before) {
    assert.deepEqual(to.space.blobs.get(key), bytes, key);
  }
  // What somebody named there stays on the list there.
  assert.deepEqual(
    keysOf(to, /^retired/).map((key) => key.split("/").at(-1)),
    ["monday"],
  );
  to.space.blobs.set(conflict!.key, new Uint8Array(3));
  assert.match(
    (await copy(rig, to)).nameConflicts[0]!.reason,
    /state 0, root .*, and it is damaged in /,
  );
});

Deno.test("names that volumes left to others at the source are copied, however it ends between", async () => {
  await using rig = await madeArchive();
  const space = new PliableStore().space;
  await copy(rig, new PliableStore(space));
  const { archive } = rig;
  const rename = (volume: string, name: string): Promise<unknown> =>
    archive.operate("volume rename", { volume, name });
  await rename("disk", "aside");
  await rename("tape", "disk");
  await rename("aside", "tape");
  await archive.operate("volume retire", { volume: "tape" });
  await addState(rig, "tape", 8);
  for (let allowed = 1;; allowed++) {
    const to = new PliableStore(space);
    let puts = 0;
    to.before = (operation, key) => {
      if (operation !== "put" || !key.startsWith("roots/")) return;
      if (puts++ >= 1) {
        throw new BlobError("The test ends here", { code: "Unsupported" });
      }
    };
    try {
      await copy(rig, to);
      assert.ok(allowed > 2);
      break;
    } catch (error) {
      assert.match(String(error), /The test ends here/);
    }
  }
  await using other = await TransferRig.open(space);
  assert.deepEqual(
    await other.archive.operate("volume list", {}),
    await archive.operate("volume list", {}),
  );
});

Deno.test("a snapshot that is made while a copy begins is not copied without its root", async () => {
  await using rig = await madeArchive();
  const to = new PliableStore();
  const [disk] = await rig.archive.operate("volume list", {});
  const rootsOfDisk = `roots/${disk!.volumeId}/`;
  let made = false;
  rig.store.before = async (operation, key) => {
    if (operation !== "get" || !key.startsWith(rootsOfDisk) || made) return;
    made = true;
    await addState(rig, "disk", 60);
    const state = { volume: "disk" };
    await rig.archive.operate("snapshot create", { state, name: "late" });
  };
  await copy(rig, to);
  assert.ok(made);
  await using other = await TransferRig.open(to.space);
  const listed = await other.archive.operate("snapshot list", {});
  for (const { sequence } of listed) {
    const digits = String(sequence).padStart(16, "0");
    assert.ok(to.space.blobs.has(rootsOfDisk + digits), digits);
  }
});

Deno.test("a snapshot that is off the list is still found by its name", async () => {
  await using rig = await madeArchive();
  const { archive } = rig;
  const found = await archive.operate("state", {
    state: { volume: "disk", snapshot: "monday" },
  });
  const again = await archive.operate("snapshot retire", {
    volume: "disk",
    name: "monday",
  });
  assert.equal(again.rootHash, found.rootHash);
  await refused(
    archive.operate("snapshot retire", { volume: "disk", name: "never" }),
    "NoSnapshot",
    /"never"/,
  );
  const { states } = await archive.operate("stats", {});
  assert.deepEqual(
    states.map(({ snapshot }) => snapshot),
    [undefined, "tuesday", undefined],
  );
});
