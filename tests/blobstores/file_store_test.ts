import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BlobError } from "../../blobstores/blob_store.ts";
import { type FileStore, openFileStore } from "../../blobstores/file_store.ts";
import { withFolder } from "../temporary_folder.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

const ROOT = "/archive";

function openOn(disk: SimulatedDisk, writerId = "writer"): Promise<FileStore> {
  return openFileStore({ path: ROOT, disk, writerId, create: true });
}

async function failure(operation: Promise<unknown>): Promise<BlobError> {
  const error = await operation.then(() => null, (error) => error);
  assert.ok(error instanceof BlobError, String(error));
  return error;
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

Deno.test("a closed file store says so", async () => {
  const store = await openOn(new SimulatedDisk());
  await store.close();
  assert.match((await failure(store.head("a"))).message, /closed/);
});

Deno.test("large blobs of any length lie on the disk byte for byte, whatever memory they come from", async () => {
  await withFolder(async (path) => {
    const store = await openFileStore({ path, create: true });
    const { buffer } = new WebAssembly.Memory({ initial: 64, maximum: 64 });
    const memory = new Uint8Array(buffer);
    memory.forEach((_, index) => memory[index] = index * 31 >> 3);
    for (const length of [2 ** 20, 2 ** 20 + 1, 2 ** 21 - 1, 3 * 2 ** 20]) {
      for (const start of [0, 512, 513]) {
        const key = `packs/${length}-${start}`;
        const bytes = memory.subarray(start, start + length);
        await store.put(key, bytes);
        const found = await Deno.readFile(`${path}/${key}`);
        assert.equal(Buffer.compare(found, bytes), 0, key);
        const { mode } = await Deno.stat(`${path}/${key}`);
        assert.equal(mode! & 0o222, 0, "it is read-only");
      }
    }
    await store.close();
  });
});

Deno.test("a range is read into memory that the caller lends, a whole blob is not", async () => {
  const store = await openOn(new SimulatedDisk());
  await store.put("packs/00/pack", Uint8Array.of(1, 2, 3, 4, 5));
  const lent = new Uint8Array(8).fill(9);
  const asked: number[] = [];
  const allocate = (length: number): Uint8Array<ArrayBuffer> => {
    asked.push(length);
    return lent.subarray(2, 2 + length);
  };
  const range = { offset: 1, length: 3 };
  const got = await store.get("packs/00/pack", { range, allocate });
  assert.equal(got.buffer, lent.buffer);
  assert.deepEqual(lent, Uint8Array.of(9, 9, 2, 3, 4, 9, 9, 9));
  const whole = await store.get("packs/00/pack", { allocate });
  assert.deepEqual(whole, Uint8Array.of(1, 2, 3, 4, 5));
  assert.deepEqual(asked, [3]);
  await store.close();
});
