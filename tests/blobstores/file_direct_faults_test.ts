/** Faults of files that are written past the system's memory. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BlobError } from "../../blobstores/blob_store.ts";
import { type FileStore, openFileStore } from "../../blobstores/file_store.ts";
import type { FileWriter } from "../../blobstores/file_system.ts";
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

/** A body of so many bytes that are written past the system's memory, none of them zero. */
function largeBody(seed: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(3 * 2 ** 20 + 5).fill(seed);
}

/** How many of the files that a store made were made to be written past the system's memory. */
class CountingDisk extends SimulatedDisk {
  directCount = 0;

  override createDirect(path: string): Promise<FileWriter | undefined> {
    this.directCount++;
    return super.createDirect(path);
  }
}

// A direct write only says that it failed; what is written as ever says why.
for (
  const [system, code, advice] of [
    ["ENOSPC", "NoSpace", /Free space/],
    ["EIO", "Unavailable", /dmesg/],
  ] as const
) {
  Deno.test(`a direct write that fails in the middle of a later blob (${system}) leaves no blob, and later ones are written`, async () => {
    const disk = new CountingDisk();
    disk.direct = true;
    const store = await openOn(disk);
    await store.put("packs/one", largeBody(1), { ifAbsent: true });
    for (const failedSync of [false, true]) {
      let writes = 0;
      disk.before = (operation, path): void => {
        if (failedSync && operation === "sync") {
          throw new DiskError(system, operation, path);
        }
        if (operation !== "write" || failedSync || ++writes === 1) return;
        throw new DiskError(writes === 2 ? "EINVAL" : system, operation, path);
      };
      const error = await failure(
        store.put("packs/two", largeBody(2), { ifAbsent: true }),
      );
      assert.equal(error.code, code);
      assert.equal(error.retryable, true);
      assert.match(error.message, advice);
      assert.match(error.message, /put "packs\/two" in file:\/archive/);
      if (!failedSync) {
        assert.equal(writes, 3, "half of a direct file was there");
      }
      assert.equal(await store.head("packs/two"), null);
      assert.deepEqual(await draftsOf(disk), []);
    }
    disk.before = (): void => {};
    const before = disk.directCount;
    await store.put("packs/two", largeBody(3), { ifAbsent: true });
    assert.equal(disk.directCount, before + 1, "direct again");
    for (const [key, seed] of [["packs/one", 1], ["packs/two", 3]] as const) {
      assert.equal(
        Buffer.compare(await store.get(key), largeBody(seed)),
        0,
        key,
      );
    }
    assert.deepEqual(await draftsOf(disk), []);
  });

  Deno.test(`power lost while a direct write has failed (${system}) leaves no blob either`, async () => {
    const disk = new SimulatedDisk();
    disk.direct = true;
    const store = await openOn(disk);
    await store.put("packs/one", largeBody(1));
    let writes = 0;
    let cut: SimulatedDisk | undefined;
    disk.before = (operation, path): void => {
      if (operation === "write" && ++writes > 1) {
        throw new DiskError(writes === 2 ? "EINVAL" : system, operation, path);
      }
      // The draft of the failed write stands, half written: the machine stops here.
      if (operation === "remove") cut ??= disk.afterPowerLoss(() => 0.9);
    };
    await failure(store.put("packs/two", largeBody(2)));
    assert.ok(cut);
    assert.equal((await draftsOf(cut)).length, 1, "half a file was there");
    const next = await openOn(cut, "next");
    await next.hold();
    assert.equal(await next.head("packs/two"), null);
    const keys = await Array.fromAsync(next.list(""), ({ key }) => key);
    assert.deepEqual(keys, ["packs/one"]);
    await next.put("packs/two", largeBody(2), { ifAbsent: true });
    assert.equal(
      Buffer.compare(await next.get("packs/two"), largeBody(2)),
      0,
    );
  });
}

Deno.test("a first large body in memory that the disk cannot write from does not keep later ones from direct files", async () => {
  const disk = new CountingDisk();
  disk.direct = true;
  const store = await openOn(disk);
  let isRefused = true;
  disk.before = (operation, path): void => {
    if (operation !== "write" || !isRefused) return;
    isRefused = false;
    throw new DiskError("EINVAL", operation, path);
  };
  for (const seed of [1, 2, 3]) {
    await store.put(`packs/${seed}`, largeBody(seed));
  }
  assert.equal(disk.directCount, 3);
  for (const seed of [1, 2, 3]) {
    const found = await store.get(`packs/${seed}`);
    assert.equal(Buffer.compare(found, largeBody(seed)), 0);
  }
});

Deno.test("where direct files are refused, once or always, every large blob is written and later ones may be direct", async () => {
  const disk = new CountingDisk();
  disk.direct = true;
  const store = await openOn(disk);
  for (const [at, fault] of ["EINVAL", "ENOSPC", undefined].entries()) {
    disk.directFault = fault;
    await store.put(`packs/${at}`, largeBody(3));
    const found = await store.get(`packs/${at}`);
    assert.equal(Buffer.compare(found, largeBody(3)), 0);
  }
  assert.equal(disk.directCount, 3);
  assert.deepEqual(await draftsOf(disk), []);
});
