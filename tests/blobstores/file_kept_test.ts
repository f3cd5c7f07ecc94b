/** Files of a file store that stay open between reads. */

import assert from "node:assert/strict";
import { BlobError } from "../../blobstores/blob_store.ts";
import { type FileStore, openFileStore } from "../../blobstores/file_store.ts";
import { OpenFiles, readFileNow } from "../../blobstores/open_files.ts";
import {
  isRemoteType,
  systemAnnouncer,
} from "../../blobstores/read_announcer.ts";
import { SmallReads } from "../../blobstores/small_reads.ts";
import { SystemDisk } from "../../blobstores/system_disk.ts";
import { withFolder } from "../temporary_folder.ts";

const KEY = "packs/00/pack";
const RANGE = { offset: 2, length: 3 };

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Reads as an archive does, which knows what is right; what it was shown. */
async function read(
  store: FileStore,
  expected: string,
): Promise<{ readonly got: string; readonly shown: readonly string[] }> {
  const shown: string[] = [];
  const decoder = new TextDecoder();
  const bytes = await store.get(KEY, {
    range: RANGE,
    accept(offered): boolean {
      shown.push(decoder.decode(offered));
      return shown.at(-1) === expected;
    },
  });
  return { got: decoder.decode(bytes), shown };
}

function openDescriptors(folder: string): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const path = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });
}

/** A store with this text, which has found out that its disk is this computer's. */
async function openKept(path: string, text: string): Promise<FileStore> {
  const store = await openFileStore({ path, create: true });
  await store.put(KEY, bytesOf(text));
  const range = { offset: 0, length: 1 };
  while (openDescriptors(path).every((it) => !it.endsWith(KEY))) {
    await store.get(KEY, { range, accept: () => true });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return store;
}

/** For reads whose files are not to be closed meanwhile. */
function never(): () => void {
  return () => {};
}

async function code(operation: Promise<unknown>): Promise<string> {
  const error = await operation.then(() => undefined, (error) => error);
  assert.ok(error instanceof BlobError, String(error));
  return error.code;
}

Deno.test("a file is opened once for many small reads, and closed with its store", async () => {
  await withFolder(async (path) => {
    const store = await openKept(path, "0123456789");
    const reads = Array.from({ length: 100 }, () => read(store, "234"));
    for (const { got, shown } of await Promise.all(reads)) {
      assert.deepEqual([got, shown], ["234", ["234"]]);
    }
    assert.deepEqual(openDescriptors(path), [`${path}/${KEY}`]);
    const last = read(store, "234");
    await store.close();
    assert.equal((await last).got, "234", "what is under way is read");
    assert.deepEqual(openDescriptors(path), []);
  });
});

Deno.test("a pack that was restored is read at once by who knows what is right", async () => {
  await withFolder(async (path) => {
    const store = await openKept(path, "01xxx56789");
    assert.equal((await read(store, "xxx")).got, "xxx");
    await Deno.writeTextFile(`${path}/restored`, "0123456789");
    await Deno.rename(`${path}/restored`, `${path}/${KEY}`);
    const { got, shown } = await read(store, "234");
    assert.equal(got, "234");
    assert.equal(shown.at(-1), "234");
    await store.close();
  });
});

Deno.test("who cannot say what is right is never given what stood there before", async () => {
  await withFolder(async (path) => {
    const store = await openKept(path, "0123456789");
    await read(store, "234");
    await Deno.writeTextFile(`${path}/other`, "01abc56789");
    await Deno.rename(`${path}/other`, `${path}/${KEY}`);
    const bytes = await store.get(KEY, { range: RANGE });
    assert.equal(new TextDecoder().decode(bytes), "abc");
    await store.close();
  });
});

Deno.test("what the store itself replaced or deleted is not read from before", async () => {
  await withFolder(async (path) => {
    const store = await openKept(path, "0123456789");
    await read(store, "234");
    await store.put(KEY, bytesOf("01abc56789"));
    assert.deepEqual((await read(store, "abc")).shown, ["abc"]);
    await store.delete(KEY);
    assert.equal(await code(read(store, "abc")), "NotFound");
    assert.deepEqual(openDescriptors(path), []);
    await store.close();
  });
});

Deno.test("ranges beyond the end and missing blobs are refused as ever", async () => {
  await withFolder(async (path) => {
    const store = await openKept(path, "0123");
    assert.equal(await code(read(store, "234")), "RangeNotSatisfiable");
    await Deno.mkdir(`${path}/packs/01`);
    const accept = (): boolean => true;
    for (const key of ["packs/01", "packs/02/x", `${KEY}/x`]) {
      const missing = store.get(key, { range: RANGE, accept });
      assert.equal(await code(missing), "NotFound");
    }
    await store.close();
  });
});

Deno.test("a file that was removed is believed in for a second at most", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/file`;
    let timeMs = 0;
    const files = new OpenFiles({ nowMs: () => timeMs });
    await Deno.writeTextFile(path, "old");
    const first = files.take(path);
    await Deno.remove(path);
    timeMs = 999;
    files.give(files.take(path));
    timeMs = 1000;
    assert.throws(() => files.take(path), { code: "ENOENT" });
    await Deno.writeTextFile(path, "new");
    const second = files.take(path);
    const texts = [first, second].map((file) =>
      new TextDecoder().decode(readFileNow(file, 0, 3))
    );
    assert.deepEqual(texts, ["old", "new"], "a file in use stays open");
    files.give(first);
    files.give(second);
    files.clear();
    assert.deepEqual(openDescriptors(folder), []);
  });
});

Deno.test("no file stays open for longer than it is believed in, but those in use", async () => {
  await withFolder(async (folder) => {
    let timeMs = 0;
    const files = new OpenFiles({ nowMs: () => timeMs });
    let sweep: (() => void) | undefined;
    const reads = new SmallReads({
      files,
      announcer: { announce: () => {}, close: () => {} },
      nowMs: () => timeMs,
      repeat: (work) => {
        sweep = work;
        return () => sweep = undefined;
      },
    });
    const paths = ["a", "b", "c"].map((name) => `${folder}/${name}`);
    for (const path of paths) await Deno.writeTextFile(path, "0123456789");
    const [idle, used, late] = paths as [string, string, string];
    await reads.read(idle, 0, 4);
    const file = files.take(used);
    timeMs = 500;
    await reads.read(late, 0, 4);
    timeMs = 1000;
    sweep!();
    assert.deepEqual(openDescriptors(folder).sort(), [used, late]);
    files.give(file);
    timeMs = 1500;
    sweep!();
    assert.deepEqual(openDescriptors(folder), []);
    reads.close();
    assert.equal(sweep, undefined);
  });
});

Deno.test("no more files stay open than allowed, those used last", async () => {
  await withFolder(async (folder) => {
    const files = new OpenFiles({ nowMs: () => 0, filesMax: 3 });
    const paths = Array.from({ length: 20 }, (_, i) => `${folder}/${i}`);
    for (const path of paths) await Deno.writeTextFile(path, path);
    for (const path of paths) {
      files.give(files.take(path));
      files.give(files.take(paths[0]!));
      assert.ok(files.count <= 3);
    }
    const open = [paths[0]!, ...paths.slice(-2)].sort();
    assert.deepEqual(openDescriptors(folder).sort(), open);
    files.clear();
    assert.deepEqual(openDescriptors(folder), []);
  });
});

Deno.test("all reads of a turn are announced before the first is made", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/file`;
    await Deno.writeTextFile(path, "0123456789");
    const announced: number[] = [];
    let closed = 0;
    const reads = new SmallReads({
      files: new OpenFiles({ nowMs: () => 0 }),
      announcer: {
        announce: (_, offset) => announced.push(offset),
        close: () => closed++,
      },
      nowMs: () => 0,
      repeat: never,
    });
    const texts = await Promise.all([4, 0, 8].map(async (offset) => {
      const bytes = await reads.read(path, offset, 4);
      assert.deepEqual(announced, [4, 0, 8]);
      return new TextDecoder().decode(bytes);
    }));
    assert.deepEqual(texts, ["4567", "0123", "89"]);
    assert.equal(reads.read(path, 0, 1 << 20), undefined, "too long");
    reads.close();
    assert.equal(reads.read(path, 0, 4), undefined, "closed");
    assert.equal(closed, 1);
  });
});

Deno.test("a disk that lets the thread wait is spared for a second", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/file`;
    await Deno.writeTextFile(path, "0123456789");
    let timeMs = 0;
    let waitMs = 0;
    const reads = new SmallReads({
      files: new OpenFiles({ nowMs: () => timeMs }),
      announcer: { announce: () => {}, close: () => {} },
      // It is asked twice around each read: time passes with every second look.
      nowMs: () => timeMs += waitMs / 3,
      repeat: never,
    });
    const readMany = async (): Promise<number> => {
      for (let count = 0; count < 1000; count++) {
        if (await reads.read(path, 0, 4) === undefined) return count;
      }
      return 1000;
    };
    waitMs = 1;
    assert.equal(await readMany(), 1000, "a quick disk");
    waitMs = 60;
    const borne = await readMany();
    assert.ok(borne > 1 && borne < 20, `spared after ${borne}`);
    waitMs = 0;
    assert.equal(reads.read(path, 0, 4), undefined);
    timeMs += 1000;
    assert.equal(await readMany(), 1000);
    reads.close();
  });
});

Deno.test("a disk that lets the thread wait when a file is opened is spared, too", async () => {
  await withFolder(async (folder) => {
    let timeMs = 0;
    const files = new OpenFiles({ nowMs: () => timeMs, filesMax: 1 });
    const take = files.take.bind(files);
    files.take = (path) => {
      timeMs += 60;
      return take(path);
    };
    const reads = new SmallReads({
      files,
      announcer: { announce: () => {}, close: () => {} },
      nowMs: () => timeMs,
      repeat: never,
    });
    let made = 0;
    for (let file = 0; file < 20; file++) {
      const path = `${folder}/${file}`;
      await Deno.writeTextFile(path, "0123456789");
      if (await reads.read(path, 0, 4) !== undefined) made++;
    }
    assert.ok(made > 0 && made < 20, `${made} reads were made`);
    reads.close();
  });
});

Deno.test("this system is told of reads of its own disks, and knows which these are", async () => {
  const announcer = systemAnnouncer();
  if (announcer === undefined) {
    assert.notEqual(Deno.build.os, "linux");
    return;
  }
  const types = await Promise.all(
    ["/proc/self/status", import.meta.filename!, "/no/such/file"].map((path) =>
      announcer.fileSystemType(path)
    ),
  );
  announcer.close();
  assert.equal(types[0], 0x9fa0, "as <linux/magic.h> has it");
  assert.ok(types[1] !== undefined && !isRemoteType(types[1]));
  assert.equal(types[2], undefined);
  assert.ok([0x6969, 0xff534d42, 0xfe534d42].every(isRemoteType));
  const disk = new SystemDisk();
  // A file that is not there tells nothing.
  assert.equal(disk.readKept("/no/such/file", 0, 1), undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const path = import.meta.filename!;
  assert.equal(disk.readKept(path, 0, 1), undefined, "it is not known yet");
  let read: Promise<Uint8Array> | undefined;
  while (read === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    read = disk.readKept(path, 0, 1);
  }
  assert.equal((await read).length, 1);
  disk.closeKept();
  assert.equal(disk.readKept(path, 0, 1), undefined, "closed");
});

Deno.test("a disk that is closed before it is known opens nothing any more", async () => {
  const disk = new SystemDisk();
  const path = import.meta.filename!;
  disk.readKept(path, 0, 1);
  disk.closeKept();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(disk.readKept(path, 0, 1), undefined);
});
