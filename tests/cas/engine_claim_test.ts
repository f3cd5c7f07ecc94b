import assert from "node:assert/strict";
import { MemoryStore } from "../../blobstores/memory_store.ts";
import {
  BlobError,
  type BlobErrorCode,
  type BlobStore,
  type Capabilities,
  type PutOptions,
} from "../../blobstores/blob_store.ts";
import type { ArchivePort } from "../../cas/archive_port.ts";
import { encodeRoot } from "../../cas/engine/root.ts";
import { decodeRootBlob, encodeRootBlob } from "../../cas/engine/root_blob.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import { assertHolds, Bench, hasher, Model, whole } from "./engine_bench.ts";

/** A store without a hold, as a bucket in the cloud, that fails when told to. */
class CloudStore extends MemoryStore {
  override readonly capabilities: Capabilities = {
    createExclusive: true,
    hold: false,
    concurrencyMax: 8,
  };
  /** Called before a put; may throw. */
  beforePut: (key: string, body: Uint8Array) => void | Promise<void> = () => {};
  /** Called after a put; may throw: the put has happened. */
  afterPut: (key: string) => void = () => {};

  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    await this.beforePut(key, body);
    await super.put(key, body, options);
    this.afterPut(key);
  }
}

function cloudBench(other?: Bench): { bench: Bench; store: CloudStore } {
  const space = other?.space ?? new Bench().space;
  const store = new CloudStore({ space, display: "s3://shelf" });
  return { bench: new Bench(space, store), store };
}

async function openDisk(archive: ArchivePort): Promise<number> {
  const request = { volume: "disk", createBlockCount: 1000 };
  return (await archive.openView(request)).view;
}

function failing(code: BlobErrorCode, retryable = false): BlobError {
  return new BlobError(`Cannot put: ${code}`, { code, retryable });
}

function throwTimes(times: number, error: Error): () => void {
  let left = times;
  return () => {
    if (left-- > 0) throw error;
  };
}

Deno.test("a second server is refused, told who holds the archive, and may have it later", async () => {
  const first = new Bench();
  const archive = await first.open();
  assert.equal(archive.epoch, 1);
  const second = new Bench(first.space);
  await assert.rejects(second.open(), (error: Error) => {
    assert.equal(archiveErrorCode(error), "Held");
    assert.match(error.message, /host shelf, pid 4711/);
    assert.match(error.message, /socket \/run\/shelf\.sock, since 20/);
    return true;
  });
  await archive.close();
  const next = await second.open();
  assert.equal(next.epoch, 2);
  await next.close();
});

Deno.test("an opening that fails lets go of the hold", async () => {
  const bench = new Bench();
  const failure = new Error("no index");
  await assert.rejects(
    bench.open({ openBlocks: () => Promise.reject(failure) }),
    failure,
  );
  assert.equal(bench.space.hold, null);
});

Deno.test("a wrong hint about epoch or heads does no harm", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const view = await openDisk(archive);
  for (let value = 1; value < 5; value++) {
    await bench.write(archive, view, [whole(1, value)]);
  }
  await archive.close();
  const good = bench.hints!;
  const id = Object.keys(good.heads)[0]!;
  assert.deepEqual(good, {
    archiveId: archive.archiveId,
    epoch: 1,
    heads: { [id]: 4 },
  });
  const wrong: unknown[] = [
    undefined,
    "nonsense",
    { ...good, archiveId: "0".repeat(32) },
    { ...good, epoch: 77, heads: { [id]: 0 } },
    { ...good, epoch: -1, heads: { [id]: "4" } },
    { ...good, epoch: 1, heads: { [id]: 2 } },
    { ...good, heads: null },
  ];
  let epoch = 1;
  for (const hints of wrong) {
    const again = new Bench(bench.space);
    const other = await again.open({
      hints: {
        load: () => Promise.resolve(hints),
        save: () => Promise.reject(new Error("disk full")),
      },
    });
    assert.equal(other.epoch, ++epoch);
    assert.equal((await other.openView({ volume: "disk" })).sequence, 4);
    assert.equal(again.eventsOf("hints-unsaved").length, 1);
    await other.close();
  }
});

Deno.test("a server whose archive was taken over publishes nothing more", async () => {
  const { bench } = cloudBench();
  const zombie = await bench.open();
  const view = await openDisk(zombie);
  await bench.write(zombie, view, [whole(1, 1)]);
  const { bench: other } = cloudBench(bench);
  const archive = await other.open({ holder: { host: "elsewhere" } });
  assert.equal(archive.epoch, 2);
  const before = [...bench.space.blobs.keys()].filter((key) =>
    key.startsWith("roots/")
  );
  await assert.rejects(
    bench.write(zombie, view, [whole(1, 2)]),
    (error: Error) => archiveErrorCode(error) === "LostClaim",
  );
  assert.match((await zombie.lost).message, /host elsewhere.*epoch 2/);
  await assert.rejects(
    zombie.createSnapshot(view, "late"),
    (error: Error) => archiveErrorCode(error) === "LostClaim",
  );
  const after = [...bench.space.blobs.keys()].filter((key) =>
    key.startsWith("roots/")
  );
  assert.deepEqual(after, before);
  await zombie.close();
  await archive.close();
});

Deno.test("a zombie's root is stepped over, and its content is not taken", async () => {
  const { bench, store } = cloudBench();
  const zombie = await bench.open();
  const view = await openDisk(zombie);
  const model = new Model();
  const base = [whole(1, 1), whole(2, 2)];
  model.write(base);
  await bench.write(zombie, view, base);
  const { bench: other } = cloudBench(bench);
  let archive: ArchivePort | undefined;
  store.beforePut = async (key) => {
    if (!key.startsWith("roots/") || archive !== undefined) return;
    archive = await other.open();
  };
  await assert.rejects(
    bench.write(zombie, view, [whole(1, 66)]),
    (error: Error) => archiveErrorCode(error) === "LostClaim",
  );
  const opened = await archive!.openView({ volume: "disk" });
  assert.equal(opened.sequence, 1);
  const writes = [whole(2, 5)];
  model.write(writes);
  const { roots, packCount } = await other.write(archive!, opened.view, writes);
  assert.equal(roots[0]!.sequence, 3);
  assert.equal(packCount, 2);
  assert.equal(other.eventsOf("root-stepped-over").length, 1);
  await zombie.close();
  await archive!.close();
  const { bench: last } = cloudBench(bench);
  const again = await last.open();
  const found = await again.openView({ volume: "disk" });
  assert.equal(found.sequence, 3);
  assert.equal(found.rootHash, roots[0]!.rootHash);
  const blocks = [0, 1, 2];
  await assertHolds(last, again, { view: found.view, model, blocks });
  await again.close();
});

Deno.test("a root of a newer epoch in our place ends the claim", async () => {
  const { bench, store } = cloudBench();
  const archive = await bench.open();
  const view = await openDisk(archive);
  let done = false;
  store.beforePut = async (key) => {
    if (!key.startsWith("roots/") || done) return;
    done = true;
    const { bench: other } = cloudBench(bench);
    const newer = await other.open();
    await other.write(newer, await openDisk(newer), [whole(1, 9)]);
    await newer.close();
  };
  await assert.rejects(
    bench.write(archive, view, [whole(1, 2)]),
    (error: Error) => archiveErrorCode(error) === "LostClaim",
  );
  await archive.lost;
  await archive.close();
});

for (const above of [0, 1, 50]) {
  Deno.test(`a root from another archive whose epoch is ${above} above our own ends no claim`, async () => {
    const { bench, store } = cloudBench();
    const archive = await bench.open();
    const view = await openDisk(archive);
    const model = new Model();
    let isCopied = false;
    store.beforePut = (key, body) => {
      if (!key.startsWith("roots/") || isCopied) return Promise.resolve();
      isCopied = true;
      const { record, ...cost } = decodeRootBlob(body, hasher);
      const foreign = {
        ...record,
        epoch: archive.epoch + above,
        writerId: "f".repeat(32),
      };
      const bytes = encodeRoot(foreign);
      bench.space.blobs.set(key, encodeRootBlob(bytes, cost, hasher));
      return Promise.resolve();
    };
    const writes = [whole(1, 2)];
    model.write(writes);
    const { roots } = await bench.write(archive, view, writes);
    assert.equal(roots[0]!.sequence, 2, "it is left aside");
    assert.equal(bench.eventsOf("root-stepped-over").length, 1);
    await assertHolds(bench, archive, { view, model, blocks: [0, 1] });
    await archive.close();
  });
}

Deno.test("a put whose answer was lost is not taken for another's", async () => {
  const { bench, store } = cloudBench();
  const lostAnswers = throwTimes(3, failing("Timeout", true));
  store.afterPut = (key) => {
    if (!key.startsWith("packs/")) lostAnswers();
  };
  const archive = await bench.open();
  const view = await openDisk(archive);
  const lost = throwTimes(1, failing("Unknown"));
  store.afterPut = (key) => key.startsWith("roots/") ? lost() : undefined;
  const { roots } = await bench.write(archive, view, [whole(1, 2)]);
  assert.equal(roots[0]!.sequence, 1);
  const lostName = throwTimes(1, failing("Unavailable", true));
  store.afterPut = (key) => key.startsWith("names/") ? lostName() : undefined;
  await archive.createSnapshot(view, "once");
  assert.equal((await archive.listSnapshots()).length, 1);
  assert.equal(bench.eventsOf("root-stepped-over").length, 0);
  await archive.close();
});

Deno.test("a serving archive waits for a failing store for ever and says so", async () => {
  const { bench, store } = cloudBench();
  const archive = await bench.open();
  const view = await openDisk(archive);
  for (
    const code of [
      "PermissionDenied",
      // A bucket that was removed, a certificate that ran out: a person helps.
      "InvalidConfig",
      "NoSpace",
      "Unavailable",
      "Unknown",
    ] as const
  ) {
    bench.events.length = 0;
    const startMs = bench.clock.timeMs;
    const fail = throwTimes(12, failing(code, code === "Unavailable"));
    store.beforePut = (key) => key.startsWith("roots/") ? fail() : undefined;
    await bench.write(archive, view, [whole(1, 2)]);
    const failures = bench.eventsOf("store-failed");
    assert.equal(failures.length, 12);
    const severity =
      { Unavailable: "expected", Unknown: "strange" }[code as string];
    assert.equal(failures[0]!.severity, severity ?? "admin");
    assert.match(
      failures[0]!.message,
      /roots\/.*s3:\/\/shelf.*again in 0\.1 s/,
    );
    // Whoever makes room waits for the effect.
    const isFull = code === "NoSpace";
    assert.equal(failures[11]!.delayMs, isFull ? 10_000 : 30_000);
    assert.ok(bench.clock.timeMs - startMs > (isFull ? 50_000 : 100_000));
    assert.equal(bench.eventsOf("store-full").length, isFull ? 1 : 0);
    assert.equal(bench.eventsOf("store-has-room").length, isFull ? 1 : 0);
    assert.equal(await archive.shortage(), undefined);
    assert.equal(bench.eventsOf("store-recovered").length, 1);
  }
  await archive.close();
});

Deno.test("a checkpoint that fails between two roots can be repeated", async () => {
  const { bench, store } = cloudBench();
  const archive = await bench.open();
  const views: number[] = [];
  for (const volume of ["one", "two"]) {
    const request = { volume, createBlockCount: 10 };
    views.push((await archive.openView(request)).view);
  }
  const [one, two] = views as [number, number];
  const generation = {
    volumes: [
      bench.freeze(one, [whole(1, 1)]),
      bench.freeze(two, [whole(2, 2)], 100),
    ],
  };
  let roots = 0;
  store.beforePut = (key) => {
    if (key.startsWith("roots/") && ++roots === 2) throw failing("Unsupported");
  };
  await assert.rejects(archive.checkpoint(generation), { code: "Unsupported" });
  const result = await archive.checkpoint(generation);
  assert.deepEqual(result.roots.map(({ sequence }) => sequence), [2, 1]);
  assert.equal((await bench.read(archive, two, [2]))[0]![0], 2);
  await archive.close();
});

Deno.test("an opening meets a refusal of the store at once", async () => {
  const { bench, store } = cloudBench();
  store.beforePut = throwTimes(1, failing("PermissionDenied"));
  await assert.rejects(bench.open(), { code: "PermissionDenied" });
  assert.equal(bench.events.length, 0);
});

Deno.test("closing ends the wait for a store that does not answer", async () => {
  const { bench, store } = cloudBench();
  const archive = await bench.open();
  const view = await openDisk(archive);
  const waiting = Promise.withResolvers<void>();
  store.beforePut = (key) => {
    if (!key.startsWith("roots/")) return;
    waiting.resolve();
    throw failing("Unavailable", true);
  };
  const checkpoint = assert.rejects(
    bench.write(archive, view, [whole(1, 2)]),
    (error: Error) => archiveErrorCode(error) === "Closed",
  );
  await waiting.promise;
  await archive.close();
  await checkpoint;
});

Deno.test("a store with a hold and one without speak the same epochs", async () => {
  const held: BlobStore = new MemoryStore({ space: new Bench().space });
  assert.equal(held.capabilities.hold, true);
  const bench = new Bench();
  await (await bench.open()).close();
  const { bench: cloud } = cloudBench(bench);
  const archive = await cloud.open();
  assert.equal(archive.epoch, 2);
  await archive.close();
});

Deno.test("a server that writes nothing learns all the same that it was superseded", async () => {
  const { bench } = cloudBench();
  const first = await bench.open();
  const { bench: other } = cloudBench(bench);
  bench.clock.checkClaim();
  await bench.clock.yieldNow();
  const second = await other.open();
  bench.clock.checkClaim();
  const reason = await first.lost;
  assert.equal(archiveErrorCode(reason), "LostClaim");
  assert.match(reason.message, /epoch 2/);
  await first.close();
  await second.close();
});
