import assert from "node:assert/strict";
import { BlobError, blobErrorCode } from "../../blobstores/blob_store.ts";
import { type FileStore, openFileStore } from "../../blobstores/file_store.ts";
import { DiskError, SimulatedDisk } from "./simulated_disk.ts";

const ROOT = "/archive";

async function withFolder(
  run: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "deepshelf-" });
  try {
    await run(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

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

/** Starts a process that tries to hold the store; resolves with its answer. */
async function holdElsewhere(
  path: string,
): Promise<{ answer: string; process: Deno.ChildProcess }> {
  const script = new URL("./hold_process.ts", import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", decodeURIComponent(script), path],
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return { answer: new TextDecoder().decode(value).trim(), process };
}

async function end(process: Deno.ChildProcess): Promise<void> {
  process.kill("SIGKILL");
  await process.status;
  await process.stdout.cancel();
}

Deno.test("a missing folder is an error that names it and the fix", async () => {
  await withFolder(async (path) => {
    const missing = `${path}/archvie`;
    const error = await failure(
      openFileStore({ path: missing, create: false }),
    );
    assert.equal(error.code, "NotFound");
    assert.ok(error.message.includes(missing), error.message);
    assert.match(error.message, /--create/);
    await assert.rejects(Deno.stat(missing), "nothing was made");
  });
});

Deno.test("a file is no store", async () => {
  await withFolder(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "");
    for (const create of [false, true]) {
      const error = await failure(
        openFileStore({ path: `${path}/file`, create }),
      );
      assert.equal(error.code, "InvalidConfig");
      assert.match(error.message, /is a file/);
    }
  });
});

Deno.test("a blob is a read-only file at its key, and no draft stays", async () => {
  await withFolder(async (path) => {
    const store = await openFileStore({ path: `${path}/a/b`, create: true });
    await store.put("packs/00/x", new Uint8Array([1, 2, 3]));
    await store.put("packs/00/x", new Uint8Array([4]), { ifAbsent: true })
      .catch(() => {});
    const file = `${path}/a/b/packs/00/x`;
    assert.deepEqual(await Deno.readFile(file), new Uint8Array([1, 2, 3]));
    const mode = (await Deno.stat(file)).mode!;
    assert.equal(mode & 0o222, 0, "nobody may write it");
    assert.equal(mode & 0o400, 0o400);
    assert.deepEqual(
      await Array.fromAsync(Deno.readDir(`${path}/a/b/tmp`)),
      [],
    );
  });
});

Deno.test("one process holds a store, and its death by kill -9 lets go", async () => {
  await withFolder(async (path) => {
    const store = await openFileStore({ path, create: false });
    const mine = await store.hold();
    const refused = await holdElsewhere(path);
    assert.equal(refused.answer, "refused");
    await refused.process.status;
    await refused.process.stdout.cancel();
    await mine!.release();
    const other = await holdElsewhere(path);
    try {
      assert.equal(other.answer, "held");
      assert.equal(await store.hold(), null);
    } finally {
      await end(other.process);
    }
    assert.notEqual(await store.hold(), null);
    await store.close();
  });
});

Deno.test("a new holder removes drafts, and nothing that is no draft", async () => {
  await withFolder(async (path) => {
    await Deno.mkdir(`${path}/tmp/notes`, { recursive: true });
    await Deno.mkdir(`${path}/local`);
    await Deno.writeTextFile(`${path}/local/journal`, "j");
    await Deno.writeTextFile(`${path}/tmp/README`, "by hand");
    await Deno.writeTextFile(`${path}/tmp/0123abcd.7.packs+00+x`, "half");
    await Deno.mkdir(`${path}/tmp/taken.0.epoch+1`);
    const store = await openFileStore({ path, create: false });
    const before = await Array.fromAsync(Deno.readDir(`${path}/tmp`));
    assert.equal(before.length, 4, "an open without a hold removes nothing");
    const hold = await store.hold();
    const after = await Array.fromAsync(Deno.readDir(`${path}/tmp`));
    assert.deepEqual(after.map(({ name }) => name).sort(), ["README", "notes"]);
    assert.deepEqual(await Array.fromAsync(store.list("")), []);
    assert.equal(await Deno.readTextFile(`${path}/local/journal`), "j");
    await hold!.release();
  });
});

Deno.test("what the store keeps for itself is no key and not listed", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  await store.hold();
  await store.put("a", new Uint8Array(1));
  for (const key of ["lock", "tmp", "tmp/x", "local/index"]) {
    for (
      const operation of [
        store.put(key, new Uint8Array(1)),
        store.get(key),
        store.head(key),
      ]
    ) {
      assert.equal((await failure(operation)).code, "InvalidKey", key);
    }
    assert.deepEqual(await Array.fromAsync(store.list(key)), []);
  }
  await store.put("packs/tmp", new Uint8Array(1));
  const keys = await Array.fromAsync(store.list(""), ({ key }) => key);
  assert.deepEqual(keys, ["a", "packs/tmp"]);
});

Deno.test("names that are no keys are passed over, links are followed", async () => {
  await withFolder(async (path) => {
    await Deno.mkdir(`${path}/elsewhere`);
    const root = `${path}/store`;
    const store = await openFileStore({ path: root, create: true });
    await Deno.writeTextFile(`${path}/elsewhere/x`, "1");
    await Deno.symlink(`${path}/elsewhere`, `${root}/packs`);
    await Deno.symlink(`${path}/elsewhere/x`, `${root}/y`);
    await Deno.symlink(`${path}/nowhere`, `${root}/z`);
    await Deno.mkdir(`${root}/lost+found`);
    await Deno.writeTextFile(`${root}/.DS_Store`, "");
    const keys = await Array.fromAsync(store.list(""), ({ key }) => key);
    assert.deepEqual(keys, ["packs/x", "y"]);
    assert.deepEqual([...await store.get("packs/x")], [0x31]);
  });
});

Deno.test("a listing reads no folder that has nothing of it", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  for (const folder of ["a", "b", "b/x", "b/y", "c"]) {
    await store.put(`${folder}/1`, new Uint8Array(1));
    await store.put(`${folder}/2`, new Uint8Array(1));
  }
  async function foldersRead(
    prefix: string,
    startAfter: string,
    count = Infinity,
  ): Promise<string[]> {
    const folders: string[] = [];
    disk.before = (operation, path): void => {
      if (operation === "readFolder") folders.push(path.slice(ROOT.length));
    };
    let left = count;
    for await (const _ of store.list(prefix, { startAfter })) {
      if (--left === 0) break;
    }
    return folders;
  }
  assert.deepEqual(await foldersRead("b/x/", ""), ["/b/x"]);
  assert.deepEqual(await foldersRead("b/x", ""), ["/b", "/b/x"]);
  assert.deepEqual(await foldersRead("", "b/x/2"), [
    "",
    "/b",
    "/b/x",
    "/b/y",
    "/c",
  ]);
  assert.deepEqual(await foldersRead("", "b/y/2"), ["", "/b", "/b/y", "/c"]);
  assert.deepEqual(await foldersRead("", "c/1"), ["", "/c"]);
  assert.deepEqual(await foldersRead("", "", 1), ["", "/a"], "it is lazy");
  assert.deepEqual(await foldersRead("../", ""), []);
});

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

Deno.test("a closed file store says so", async () => {
  const store = await openOn(new SimulatedDisk());
  await store.close();
  assert.match((await failure(store.head("a"))).message, /closed/);
});
