import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BlobError, blobErrorCode } from "../../blobstores/blob_store.ts";
import { type FileStore, openFileStore } from "../../blobstores/file_store.ts";
import { DiskError, SimulatedDisk } from "./simulated_disk.ts";

const ROOT = "/archive";

function openOn(disk: SimulatedDisk, writerId = "writer"): Promise<FileStore> {
  return openFileStore({ path: ROOT, disk, writerId, create: true });
}

async function failure(operation: Promise<unknown>): Promise<BlobError> {
  const error = await operation.then(() => null, (error) => error);
  assert.ok(error instanceof BlobError, String(error));
  return error;
}

async function draftsOf(disk: SimulatedDisk): Promise<string[]> {
  const entries = await disk.readFolder(`${ROOT}/tmp`);
  return entries.map(({ name }) => name);
}

Deno.test("what a disk reports becomes a code, a path and advice", async () => {
  const cases: [string, string, boolean, RegExp][] = [
    ["ENOSPC", "NoSpace", true, /Free space/],
    ["EDQUOT", "NoSpace", true, /quota/],
    ["EACCES", "PermissionDenied", false, /ls -ld/],
    ["EROFS", "PermissionDenied", false, /read-only/],
    ["EMFILE", "Unavailable", true, /ulimit -n/],
    ["EIO", "Unavailable", true, /dmesg/],
    ["ESTALE", "Unavailable", true, /mounted/],
    ["EWEIRD", "Unknown", false, /EWEIRD/],
  ];
  for (const [system, code, retryable, advice] of cases) {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    await store.put("a", new Uint8Array(1));
    disk.before = (operation, path): void => {
      if (operation === "write") throw new DiskError(system, operation, path);
    };
    const error = await failure(store.put("b", new Uint8Array(1)));
    assert.deepEqual([error.code, error.retryable], [code, retryable], system);
    assert.match(error.message, advice);
    assert.match(error.message, /put "b" in file:\/archive/);
    assert.deepEqual(await draftsOf(disk), [], "the failed draft is gone");
  }
});

Deno.test("a disk that cannot read what it stored is Corrupt, not retried", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  await store.put("a", new Uint8Array(1));
  disk.before = (operation, path): void => {
    if (operation === "open") throw new DiskError("EIO", operation, path);
  };
  const error = await failure(store.get("a"));
  assert.deepEqual([error.code, error.retryable], ["Corrupt", false]);
});

Deno.test("a store whose folder is gone is Unavailable, not empty", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  await store.put("a", new Uint8Array(1));
  await disk.rename(ROOT, "/unmounted");
  for (
    const operation of [
      store.get("a"),
      store.head("a"),
      Array.fromAsync(store.list("")),
      store.put("b", new Uint8Array(1)),
      store.put("new/folder", new Uint8Array(1)),
    ]
  ) {
    const error = await failure(operation);
    assert.deepEqual([error.code, error.retryable], ["Unavailable", true]);
  }
  await disk.rename("/unmounted", ROOT);
  await store.put("b", new Uint8Array(1));
});

Deno.test("what fills an unmounted store's folder gets no blobs", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  await store.put("a", new Uint8Array(1));
  await disk.rename(ROOT, "/unmounted");
  await disk.makeFolder(ROOT);
  const error = await failure(store.put("b", new Uint8Array(1)));
  assert.deepEqual([error.code, error.retryable], ["Unavailable", true]);
  assert.deepEqual(await disk.readFolder(ROOT), []);
});

Deno.test("a name that could not be synced is not taken for durable", async () => {
  for (const links of [true, false]) {
    const disk = new SimulatedDisk();
    disk.links = links;
    const store = await openOn(disk);
    await store.put("e/0", new Uint8Array(1));
    let failures = 1;
    disk.before = (operation, path): void => {
      if (operation !== "syncFolder" || failures-- <= 0) return;
      throw new DiskError("EIO", operation, path);
    };
    const body = new Uint8Array(7);
    const first = store.put("e/1", body, { ifAbsent: true });
    assert.equal((await failure(first)).code, "Unavailable");
    const again = store.put("e/1", body, { ifAbsent: true });
    assert.equal((await failure(again)).code, "AlreadyExists");
    const later = await openOn(disk.afterPowerLoss(() => 0), "later");
    assert.deepEqual(await later.head("e/1"), { key: "e/1", size: 7 });
    await store.put("e/1", body);
  }
});

Deno.test("a new holder makes a name durable that its writer could not sync", async () => {
  for (const links of [true, false]) {
    const disk = new SimulatedDisk();
    disk.links = links;
    const store = await openOn(disk);
    await store.put("e/0", new Uint8Array(1));
    disk.before = (operation, path): void => {
      if (operation !== "syncFolder") return;
      throw new DiskError("EIO", operation, path);
    };
    await failure(store.put("e/1", new Uint8Array(7)));
    const killed = disk.afterKill();
    const next = await openOn(killed, "next");
    await next.hold();
    assert.notEqual(await next.head("e/1"), null);
    const later = await openOn(killed.afterPowerLoss(() => 0), "later");
    assert.notEqual(await later.head("e/1"), null);
  }
});

Deno.test("of two creators the loser's refusal is durable too", async () => {
  const disk = new SimulatedDisk();
  const winner = await openOn(disk, "winner");
  const loser = await openOn(disk, "loser");
  await winner.put("e/0", new Uint8Array(1));
  await loser.put("e/00", new Uint8Array(1));
  let failures = 1;
  disk.before = (operation, path): void => {
    if (operation !== "syncFolder" || failures-- <= 0) return;
    throw new DiskError("EIO", operation, path);
  };
  const results = await Promise.allSettled([
    winner.put("e/1", new Uint8Array(1), { ifAbsent: true }),
    loser.put("e/1", new Uint8Array(2), { ifAbsent: true }),
  ]);
  const codes = results.map((result) =>
    result.status === "rejected" ? blobErrorCode(result.reason) : "resolved"
  );
  assert.deepEqual(codes.sort(), ["AlreadyExists", "Unavailable"]);
  const later = await openOn(disk.afterPowerLoss(() => 0), "later");
  assert.notEqual(await later.head("e/1"), null);
});

Deno.test("a link that took effect though its reply was lost is a success", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  disk.after = (operation, path): void => {
    if (operation === "link") throw new DiskError("EEXIST", operation, path);
  };
  await store.put("a", new Uint8Array(3), { ifAbsent: true });
  await store.put("a", new Uint8Array(5));
  assert.equal((await store.head("a"))?.size, 5);
  assert.deepEqual(await draftsOf(disk), []);
});

Deno.test("without links, a mark that another writer left asks to try again", async () => {
  const disk = new SimulatedDisk();
  disk.links = false;
  const store = await openOn(disk);
  await store.put("a", new Uint8Array(1));
  await disk.makeFolder(`${ROOT}/tmp/taken.0.b`);
  const error = await failure(
    store.put("b", new Uint8Array(1), { ifAbsent: true }),
  );
  assert.deepEqual([error.code, error.retryable], ["Unavailable", true]);
  assert.match(error.message, /rmdir \/archive\/tmp\/taken\.0\.b/);
  await store.hold();
  await store.put("b", new Uint8Array(1), { ifAbsent: true });
  assert.deepEqual(await draftsOf(disk), []);
});

Deno.test("a put that is given up midway leaves nothing", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  const giveUp = new AbortController();
  disk.before = (operation): void => {
    if (operation === "write") giveUp.abort();
  };
  const { signal } = giveUp;
  const error = await failure(store.put("a", new Uint8Array(9), { signal }));
  assert.equal(error.code, "Cancelled");
  assert.equal(await store.head("a"), null);
  assert.deepEqual(await draftsOf(disk), []);
});

Deno.test("a failed claim lets go of the lock", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  await store.put("a", new Uint8Array(1));
  disk.before = (operation, path): void => {
    if (operation === "readFolder") throw new DiskError("EIO", operation, path);
  };
  await failure(store.hold());
  disk.before = (): void => {};
  assert.notEqual(await store.hold(), null);
});

Deno.test("folders above the store that may not be opened do not matter", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  for (const [system, code] of [["EIO", "Unavailable"], ["EACCES", null]]) {
    disk.before = (operation, path): void => {
      if (operation !== "syncFolder" || path !== "/") return;
      throw new DiskError(system!, operation, path);
    };
    const put = store.put("a", new Uint8Array(1));
    if (code === null) await put;
    else assert.equal((await failure(put)).code, code);
  }
});

Deno.test("a disk that cannot write past the system's memory is written as ever", async () => {
  const disk = new SimulatedDisk();
  disk.direct = true;
  const store = await openOn(disk);
  let refused = 0;
  disk.before = (operation, path) => {
    if (operation !== "write" || refused > 0) return;
    refused++;
    throw new DiskError("EINVAL", operation, path);
  };
  const large = new Uint8Array(2 ** 20 + 1).fill(7);
  await store.put("packs/one", large);
  assert.equal(refused, 1);
  assert.equal(Buffer.compare(await store.get("packs/one"), large), 0);
  assert.deepEqual(await disk.readFolder("/archive/tmp"), []);
});

Deno.test("a file system that answers nonsense to direct files is written as ever", async () => {
  const disk = new SimulatedDisk();
  disk.directFault = "ENOTSUP";
  const store = await openOn(disk);
  const large = new Uint8Array(2 ** 20 + 1).fill(7);
  await store.put("packs/one", large);
  assert.equal(Buffer.compare(await store.get("packs/one"), large), 0);
  assert.deepEqual(await disk.readFolder("/archive/tmp"), []);
});
