import assert from "node:assert/strict";
import { BlobError } from "../../blobstores/blob_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { ArchiveError, archiveErrorCode } from "../../cas/errors.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { connectArchive } from "../../cas/thread/connect_archive.ts";
import type { ThreadEndpoint } from "../../cas/thread/messages.ts";
import {
  type OpenInThread,
  serveArchive,
} from "../../cas/thread/serve_archive.ts";
import { Bench, whole } from "./engine_bench.ts";

interface Link {
  readonly bench: Bench;
  readonly events: ArchiveEvent[];
  readonly end: (reason: Error) => void;
  readonly connect: () => Promise<OpenedArchive>;
  readonly [Symbol.dispose]: () => void;
}

/** An archive behind a channel; `open` stands for the archive thread. */
function makeLink(open?: OpenInThread): Link {
  const bench = new Bench();
  const { port1, port2 } = new MessageChannel();
  const { promise: ended, resolve: end } = Promise.withResolvers<Error>();
  const events: ArchiveEvent[] = [];
  serveArchive(
    port2,
    open ?? ((start, onEvent) => {
      assert.deepEqual(start.config, { some: "config" });
      const pool = new BlockPool(start.memory);
      return bench.open({ pool, onEvent });
    }),
  );
  return {
    bench,
    events,
    end,
    connect: () =>
      connectArchive(port1, {
        memory: bench.pool.memory,
        config: { some: "config" },
        onEvent: (event) => events.push(event),
        ended,
      }),
    [Symbol.dispose]: () => {
      port1.close();
      port2.close();
    },
  };
}

Deno.test("an archive behind a channel does all that one beside does", async () => {
  using link = makeLink();
  const archive = await link.connect();
  assert.match(archive.archiveId, /^[0-9a-f]{32}$/);
  assert.equal(archive.epoch, 1);
  const request = { volume: "disk", createBlockCount: 1000 };
  const { view } = await archive.openView(request);
  const result = await link.bench.write(archive, view, [whole(3, 4)]);
  assert.equal(result.roots[0]!.sequence, 1);
  const found = await link.bench.read(archive, view, [3, 4]);
  assert.deepEqual(found.map((block) => block![4095]), [4, 0]);
  const snapshot = await archive.createSnapshot(view, "now");
  assert.equal(snapshot.rootHash, result.roots[0]!.rootHash);
  assert.deepEqual(await archive.listSnapshots("disk"), [snapshot]);
  assert.deepEqual(await archive.listSnapshots(), [snapshot]);
  const cloning = { source: { volume: "disk", snapshot: "now" }, volume: "b" };
  const clone = await archive.operate("clone", cloning);
  assert.equal(clone.parentHash, snapshot.rootHash);
  await archive.close();
  assert.equal(link.bench.space.hold, null);
});

Deno.test("errors cross with name, message, code and cause", async () => {
  using link = makeLink();
  const archive = await link.connect();
  await assert.rejects(archive.openView({ volume: "none" }), (error: Error) => {
    assert.ok(error instanceof ArchiveError);
    assert.equal(archiveErrorCode(error), "NoVolume");
    assert.match(error.message, /"none"/);
    return true;
  });
  await assert.rejects(
    archive.createSnapshot(77, "name"),
    { name: "RangeError", message: "There is no view 77" },
  );
  await archive.close();
  const refused = new BlobError("Cannot put", {
    code: "PermissionDenied",
    cause: new Error("403"),
  });
  using other = makeLink(() => Promise.reject(refused));
  await assert.rejects(other.connect(), (error: Error) => {
    assert.equal(error.name, "BlobError");
    assert.equal((error as { code?: unknown }).code, "PermissionDenied");
    assert.equal((error.cause as Error).message, "403");
    return true;
  });
});

Deno.test("events cross, also while the archive opens", async () => {
  using link = makeLink();
  const first = await link.connect();
  await first.openView({ volume: "disk", createBlockCount: 10 });
  await first.close();
  using second = makeLink((start, onEvent) =>
    new Bench(link.bench.space).open({
      pool: new BlockPool(start.memory),
      onEvent,
    })
  );
  const archive = await second.connect();
  const names = second.events.map(({ event }) => event);
  assert.ok(names.includes("index-rebuild-progress"), names.join());
  await archive.close();
});

Deno.test("a lost claim is told across", async () => {
  const lost = Promise.withResolvers<Error>();
  using link = makeLink(() => {
    const port: Partial<OpenedArchive> = {
      archiveId: "a".repeat(32),
      epoch: 7,
      lost: lost.promise,
    };
    return Promise.resolve(port as OpenedArchive);
  });
  const archive = await link.connect();
  assert.equal(archive.epoch, 7);
  lost.resolve(new ArchiveError("LostClaim", "taken over"));
  const error = await archive.lost;
  assert.equal(archiveErrorCode(error), "LostClaim");
});

Deno.test("a thread that dies rejects every call, waiting or new, and loses the claim", async () => {
  const never = new Promise<never>(() => {});
  using link = makeLink(() => {
    const port: Partial<OpenedArchive> = {
      archiveId: "a".repeat(32),
      epoch: 7,
      lost: never,
      fetch: () => never,
      checkpoint: () => never,
    };
    return Promise.resolve(port as OpenedArchive);
  });
  const archive = await link.connect();
  const none = new Float64Array(0);
  const request = { view: 0, blocks: none, slots: new Uint32Array(0) };
  const waiting = [
    archive.fetch(request),
    archive.checkpoint({ volumes: [] }),
  ];
  link.end(new Error("out of memory"));
  for (const call of [...waiting, archive.fetch(request), archive.close()]) {
    await assert.rejects(call, (error: Error) => {
      assert.equal(archiveErrorCode(error), "ThreadEnded");
      assert.match(error.message, /out of memory/);
      return true;
    });
  }
  assert.equal(archiveErrorCode(await archive.lost), "ThreadEnded");
});

Deno.test("a thread that dies while it opens rejects the opening", async () => {
  using link = makeLink(() => new Promise(() => {}));
  const opening = link.connect();
  link.end(new Error("no such module"));
  await assert.rejects(opening, /no such module/);
});

Deno.test("a message can call nothing but the methods of an archive", async () => {
  const { port1, port2 } = new MessageChannel();
  const endpoint: ThreadEndpoint = port2;
  serveArchive(endpoint, () => Promise.resolve({} as OpenedArchive));
  const replies: { type: string; error?: { name: string } }[] = [];
  const two = new Promise<void>((resolve) => {
    port1.onmessage = ({ data }) => {
      replies.push(data);
      if (replies.length === 2) resolve();
    };
  });
  port1.postMessage({ type: "call", id: 0, method: "fetch", arguments: [] });
  port1.postMessage({
    type: "call",
    id: 1,
    method: "constructor",
    arguments: [],
  });
  await two;
  assert.deepEqual(replies.map(({ type, error }) => [type, error?.name]), [
    ["threw", "RangeError"],
    ["threw", "RangeError"],
  ]);
  port1.close();
  port2.close();
});
