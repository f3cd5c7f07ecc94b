import assert from "node:assert/strict";
import type {
  BlobDescription,
  BlobStore,
} from "../../blobstores/blob_store.ts";
import type { MemorySpace } from "../../blobstores/memory_store.ts";
import { MemoryStore } from "../../blobstores/memory_store.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import type { EngineContext } from "../../cas/engine/context.ts";
import { epochKey, parseEpochKey } from "../../cas/engine/names.ts";
import { repairArchive } from "../../cas/engine/repair.ts";
import type { RepairResult } from "../../cas/engine/repair_result.ts";
import { Retry } from "../../cas/engine/retry.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import { copySpace } from "../blobstores/copy_space.ts";
import { Bench, hasher, whole } from "./engine_bench.ts";
import { refusal } from "./refusal.ts";

function contextOf(space: MemorySpace): EngineContext {
  const onEvent = (): void => {};
  const signal = new AbortController().signal;
  return {
    store: new MemoryStore({ space }),
    hasher,
    clock: systemClock,
    random: (length) => new Uint8Array(length),
    onEvent,
    retry: new Retry({ clock: systemClock, onEvent, signal }),
  };
}

async function repair(
  here: MemorySpace,
  copies: readonly MemorySpace[],
  options: {
    suspects?: ReadonlySet<string>;
    held?: boolean;
    context?: EngineContext;
  } = {},
): Promise<RepairResult> {
  const { held = false, suspects, context = contextOf(here) } = options;
  const server = held ? await context.store.hold!() : null;
  return await repairArchive({
    here: context,
    copies: copies.map(contextOf),
    lz4: createPortableLz4(),
    ...(suspects === undefined ? {} : { suspects }),
    holder: { host: "test" },
    progress: () => {},
  }).finally(() => server?.release());
}

/** Adds a checkpoint of these writes, by a server of its own. */
async function write(space: MemorySpace, ...values: number[]): Promise<void> {
  const bench = new Bench(space);
  const archive = await bench.open({
    openBlocks: () =>
      Promise.resolve(openPacks({
        store: bench.store,
        index: new MemoryIndex(),
        hasher,
        lz4: createPortableLz4(),
        onEvent: () => {},
        sleep: () => bench.clock.yieldNow(),
        packBytesMax: 12_000,
      })),
  });
  const request = { volume: "disk", createBlockCount: 50_000 };
  const { view } = await archive.openView(request);
  await bench.write(archive, view, values.map((it) => whole(it * 300, it)));
  await archive.createSnapshot(view, `s${values[0]}`);
  await archive.close();
}

async function makeArchive(): Promise<MemorySpace> {
  const { space } = new Bench();
  await write(space, 1, 2, 3);
  await write(space, 4, 5, 6, 7);
  await write(space, 8, 9);
  return space;
}

/** What a repair is there for. */
function content(space: MemorySpace): Record<string, string> {
  const kept = [...space.blobs].filter(([key]) =>
    /^(packs|roots|names)/.test(key)
  );
  return Object.fromEntries(
    kept.map(([key, body]) => [key, body.toHex()]).sort(),
  );
}

function keysOf(space: MemorySpace, pattern: RegExp): string[] {
  return [...space.blobs.keys()].filter((key) => pattern.test(key)).sort();
}

Deno.test("whatever one blob lost, in part or whole, a copy gives back byte for byte", async () => {
  const copy = await makeArchive();
  const damages: ((space: MemorySpace, key: string) => void)[] = [
    (space, key) => space.blobs.delete(key),
    (space, key) => space.blobs.set(key, new Uint8Array(0)),
    (space, key) => space.blobs.set(key, space.blobs.get(key)!.slice(0, -1)),
    (space, key) => {
      const body = space.blobs.get(key)!.slice();
      body[Math.floor(body.length / 3)]! ^= 1;
      space.blobs.set(key, body);
    },
  ];
  for (const key of keysOf(copy, /^(packs|roots|names)/)) {
    for (const [index, damage] of damages.entries()) {
      const here = copySpace(copy);
      damage(here, key);
      const result = await repair(here, [copy]);
      assert.deepEqual(result.unmended, [], `${index} of ${key}`);
      assert.deepEqual(result.mended.map((it) => it.key), [key]);
      assert.deepEqual(content(here), content(copy));
      assert.deepEqual((await repair(here, [copy])).mended, []);
    }
  }
});

Deno.test("two copies of a pack that are damaged in different blocks make a whole one", async () => {
  const whole = await makeArchive();
  const [key] = keysOf(whole, /^packs/).sort((a, b) =>
    whole.blobs.get(b)!.length - whole.blobs.get(a)!.length
  ) as [string];
  const body = whole.blobs.get(key)!;
  const trailer = new DataView(body.buffer, body.byteOffset + body.length - 48);
  // The first stored block in one, the last in the other.
  const places = [18, trailer.getUint32(0, true) - 2];
  const spaces = places.map((at) => {
    const space = copySpace(whole);
    const bytes = body.slice();
    bytes[at]! ^= 1;
    space.blobs.set(key, bytes);
    return space;
  });
  const result = await repair(spaces[0]!, [spaces[1]!]);
  assert.deepEqual(result.unmended, []);
  assert.deepEqual(spaces[0]!.blobs.get(key), body);
});

Deno.test("what no copy has sound is listed, and nothing unsound is put in its place", async () => {
  const copy = await makeArchive();
  const here = copySpace(copy);
  const [root] = keysOf(copy, /^roots.*1$/) as [string];
  // What no sound root names is not missed.
  const named = keysOf(copy, /^packs/).filter((key) =>
    keysOf(copy, /^roots/).some((it) =>
      it !== root && copy.blobs.get(it)!.toHex().includes(key.slice(9))
    )
  );
  const [pack, gone] = named as [string, string];
  for (const key of [pack, root]) {
    for (const space of [here, copy]) {
      const body = space.blobs.get(key)!.slice();
      body[30]! ^= 1;
      space.blobs.set(key, body);
    }
  }
  here.blobs.delete(gone);
  copy.blobs.delete(gone);
  const before = content(here);
  const result = await repair(here, [copy]);
  assert.deepEqual(content(here), before);
  assert.deepEqual(result.mended, []);
  const keys = result.unmended.map((it) => it.key);
  assert.deepEqual(keys.toSorted(), [pack, gone, root].toSorted());
  for (const { key, reason } of result.unmended) {
    const isGone = reason === "it is missing, here and in every copy";
    assert.equal(isGone, key === gone, reason);
  }
});

Deno.test("a newest root is given back only where no server serves the one before", async () => {
  const copy = await makeArchive();
  const here = copySpace(copy);
  const newest = keysOf(copy, /^roots/).at(-1)!;
  here.blobs.delete(newest);
  const beside = await repair(here, [copy], { held: true });
  assert.deepEqual(beside.unmended.map((it) => it.key), [newest]);
  assert.match(beside.unmended[0]!.reason, /stop it, and repair again/);
  const alone = await repair(here, [copy]);
  assert.deepEqual(alone.mended.map((it) => it.key), [newest]);
});

/** The epoch of the newest claim. */
function newestEpoch(space: MemorySpace): number {
  return Math.max(
    ...keysOf(space, /^epoch/).map((key) => parseEpochKey(key) ?? 0),
  );
}

Deno.test("a repair that gives newest roots back stops when a server takes over between them", async () => {
  const copy = await makeArchive();
  const here = copySpace(copy);
  const [first, second] = keysOf(copy, /^roots/).slice(-2) as [string, string];
  here.blobs.delete(first);
  here.blobs.delete(second);
  const context = contextOf(here);
  const { store } = context;
  const put = store.put.bind(store);
  store.put = async (key, body, options): Promise<void> => {
    await put(key, body, options);
    if (key !== first) return;
    here.blobs.set(epochKey(newestEpoch(here) + 1), new Uint8Array(1));
  };
  const { mended, stopped } = await repair(here, [copy], { context });
  refusal(
    "LostClaim",
    /Stopped repairing .*another server writes it now.*repair again/,
  )(stopped);
  assert.deepEqual(mended.map(({ key }) => key), [first]);
  assert.ok(here.blobs.has(first));
  assert.ok(!here.blobs.has(second));
  assert.equal(here.hold, null);
});

Deno.test("a repair watches its claim, and stops also where it only reads", async () => {
  const copy = await makeArchive();
  const here = copySpace(copy);
  const root = keysOf(copy, /^roots/).at(-1)!;
  const names = keysOf(copy, /^names/);
  here.blobs.delete(root);
  const context = contextOf(here);
  const { store } = context;
  // A remote store: a server that was superseded learns of it by looking.
  const remote: BlobStore = {
    display: store.display,
    capabilities: { ...store.capabilities, hold: false },
    put: store.put.bind(store),
    get: async (key, options) => {
      if (key === names[0]) {
        here.blobs.set(epochKey(newestEpoch(here) + 1), new Uint8Array(1));
        for (let turn = 0; turn < 20; turn++) await systemClock.yieldNow();
      }
      return await store.get(key, options);
    },
    head: store.head.bind(store),
    list: store.list.bind(store),
    close: store.close.bind(store),
  };
  const clock = { ...systemClock, sleep: () => systemClock.yieldNow() };
  const { mended, stopped } = await repair(here, [copy], {
    context: { ...context, store: remote, clock },
  });
  refusal("LostClaim", /Stopped repairing/)(stopped);
  assert.deepEqual(mended.map(({ key }) => key), [root]);
  assert.ok(here.blobs.has(root));
});

Deno.test("a copy that was written to since gives nothing of its other history", async () => {
  const here = await makeArchive();
  const copy = copySpace(here);
  await write(here, 20);
  await write(copy, 30);
  await write(copy, 31);
  const before = keysOf(here, /^roots/);
  const result = await repair(here, [copy]);
  assert.deepEqual(keysOf(here, /^roots/), before);
  assert.equal(result.unmended.length, 1);
  assert.match(result.unmended[0]!.reason, /another history/);
  const lost = before.at(-1)!;
  here.blobs.delete(lost);
  here.blobs.delete(before.at(-2)!);
  const again = await repair(here, [copy]);
  // Root 3 of the copy stands on what is left here: it is a state that followed.
  assert.ok(again.mended.some((it) => it.key === before.at(-2)));
});

Deno.test("a damaged newest root is not replaced by that of another history, nor are names taken of it", async () => {
  const whole = await makeArchive();
  const copy = copySpace(whole);
  await write(whole, 20);
  await write(copy, 30);
  const newest = keysOf(whole, /^roots/).at(-1)!;
  const names = keysOf(whole, /^names/);
  for (const at of [40, 100, 300]) {
    const here = copySpace(whole);
    const body = here.blobs.get(newest)!.slice();
    body[at]! ^= 1;
    here.blobs.set(newest, body);
    const { mended, unmended } = await repair(here, [copy]);
    assert.deepEqual(unmended.map((it) => it.key), [newest]);
    assert.match(unmended[0]!.reason, /another history/);
    assert.deepEqual(mended.filter(({ key }) => !key.startsWith("packs")), []);
    assert.deepEqual(here.blobs.get(newest), body);
    assert.deepEqual(keysOf(here, /^names/), names);
    // Its own pack proves the right one, also beside a server.
    const again = await repair(here, [whole], { held: true });
    assert.deepEqual(again.unmended, []);
    assert.deepEqual(here.blobs.get(newest), whole.blobs.get(newest));
  }
  // Where nothing is left of it, a server may have another one in mind.
  const here = copySpace(whole);
  here.blobs.set(newest, new Uint8Array(0));
  const beside = await repair(here, [copy], { held: true });
  assert.match(beside.unmended[0]!.reason, /stop it, and repair again/);
});

Deno.test("the format blob is made again from a claim, with the id it had", async () => {
  const here = await makeArchive();
  const before = JSON.parse(
    new TextDecoder().decode(here.blobs.get("format")).split("\n")[0]!,
  );
  const copy = copySpace(here);
  // As `copy` makes it: an archive with an id of its own.
  copy.blobs.set("format", new Uint8Array(10));
  for (const damaged of [undefined, new Uint8Array(40)]) {
    if (damaged === undefined) here.blobs.delete("format");
    else here.blobs.set("format", damaged);
    const { mended } = await repair(here, [copy]);
    assert.deepEqual(mended.map((it) => it.key).slice(0, 1), ["format"]);
    const text = new TextDecoder().decode(here.blobs.get("format"));
    const { timeMs: _time, ...fields } = JSON.parse(text.split("\n")[0]!);
    const { timeMs: _then, ...expected } = before;
    assert.deepEqual(fields, expected);
  }
});

Deno.test("a quick repair reads only packs under suspicion", async () => {
  const copy = await makeArchive();
  const here = copySpace(copy);
  const [flipped, cut] = keysOf(copy, /^packs/) as [string, string];
  const body = here.blobs.get(flipped)!.slice();
  body[40]! ^= 1;
  here.blobs.set(flipped, body);
  here.blobs.set(cut, here.blobs.get(cut)!.slice(5));
  const blind = await repair(here, [copy], { suspects: new Set() });
  assert.deepEqual(blind.mended.map((it) => it.key), [cut]);
  const told = await repair(here, [copy], { suspects: new Set([flipped]) });
  assert.deepEqual(told.mended.map((it) => it.key), [flipped]);
});

Deno.test("what a server puts while a repair goes on is left to it", async () => {
  const copy = await makeArchive();
  const here = copySpace(copy);
  const [late, gone] = keysOf(copy, /^packs/) as [string, string];
  here.blobs.delete(gone);
  const context = contextOf(here);
  const { store } = context;
  // It was not there yet when packs were listed.
  const list = store.list.bind(store);
  store.list = async function* (
    prefix,
    options,
  ): AsyncGenerator<BlobDescription, void, undefined> {
    for await (const blob of list(prefix, options)) {
      if (blob.key !== late) yield blob;
    }
  };
  const result = await repairArchive({
    here: context,
    copies: [contextOf(copy)],
    lz4: createPortableLz4(),
    holder: { host: "test" },
    progress: () => {},
  });
  assert.deepEqual(result.unmended, []);
  assert.deepEqual(result.mended.map((it) => it.key), [gone]);
});

Deno.test("what is no copy of the archive gives nothing", async () => {
  const here = await makeArchive();
  const other = new Bench().space;
  await write(other, 1);
  const before = here.blobs.size;
  await assert.rejects(repair(here, [other]), /no volume in common/);
  const empty = new Bench().space;
  await assert.rejects(repair(here, [empty]), /There is no copy/);
  assert.equal(here.blobs.size, before);
});
