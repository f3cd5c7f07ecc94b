/** Reads of a `path:` target by the calls of the system. */

import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { systemAnnouncer } from "../../blobstores/read_announcer.ts";
import { openFileReads } from "../../cli/serving/file_reads.ts";
import type { FileReads } from "../../devices/file_reads.ts";
import {
  type DiskSources,
  openTargetDisk,
} from "../../cli/serving/target_disk.ts";
import { withFolder } from "../temporary_folder.ts";

const ignore: boolean = Deno.build.os !== "linux";

/** Types of file systems that say what is in memory, or are in memory: others may always ask another thread. */
const SAYING_TYPES: readonly number[] = [
  0xef53, // ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x01021994, // tmpfs
];

async function saysWhatIsInMemory(path: string): Promise<boolean> {
  const announcer = systemAnnouncer()!;
  const type = await announcer.fileSystemType(path);
  announcer.close();
  return SAYING_TYPES.includes(type!);
}

/** 4096 zeros, and twice 2048 bytes of one value. */
function content(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(8192).fill(5, 4096, 6144).fill(6, 6144);
}

/** Hands over the reads of a file with that content, and where it stands. */
function withReads(
  use: (reads: FileReads, path: string) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    const path = `${folder}/disk.img`;
    Deno.writeFileSync(path, content());
    const descriptor = openSync(path, "r");
    const reads = openFileReads(descriptor)!;
    await use(reads, path);
    reads.close();
    closeSync(descriptor);
  });
}

Deno.test({
  name: "what another thread has read is in memory, and is read at once",
  ignore,
  fn: () =>
    withReads(async (reads, path) => {
      const piece = { offset: 2, byteCount: 4096, position: 4096 };
      const slow = new Uint8Array(4100);
      assert.equal(await reads.read({ ...piece, bytes: slow }), 4096);
      const quick = new Uint8Array(4100);
      const isRead = reads.readNow({ ...piece, bytes: quick });
      assert.ok(isRead || !await saysWhatIsInMemory(path));
      for (const bytes of isRead ? [slow, quick] : [slow]) {
        assert.deepEqual(
          [1, 2, 2049, 2050, 4097, 4098].map((at) => bytes[at]),
          [0, 5, 5, 6, 6, 0],
        );
      }
    }),
});

Deno.test({
  name: "a read past a file's end gets what is there, and nothing at once",
  ignore,
  fn: () =>
    withReads(async (reads) => {
      const bytes = new Uint8Array(4096);
      const piece = { bytes, offset: 0, byteCount: 4096, position: 6144 };
      assert.equal(await reads.read(piece), 2048);
      assert.ok(!reads.readNow(piece));
      assert.equal(await reads.read({ ...piece, position: 8192 }), 0);
    }),
});

Deno.test({
  name: "a read that the system refuses says where to look",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const descriptor = openSync(folder, "r");
      const reads = openFileReads(descriptor)!;
      const bytes = new Uint8Array(512);
      const piece = { bytes, offset: 0, byteCount: 512, position: 0 };
      assert.ok(!reads.readNow(piece));
      await assert.rejects(reads.read(piece), /its log says why/);
      reads.close();
      closeSync(descriptor);
    }),
});

Deno.test({
  name: "a path target answers at once what the system has in memory",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const path = `${folder}/disk.img`;
      Deno.writeFileSync(path, content());
      const sources: DiskSources = {
        openVolume: () => Promise.reject(new Error("no volumes")),
        followVolume: () => Promise.reject(new Error("no volumes")),
        ensureClone: () => Promise.reject(new Error("no volumes")),
        growVolume: () => Promise.reject(new Error("no volumes")),
        readOnly: false,
        create: false,
        onEvent: (event) => assert.fail(event.message),
      };
      const disk = await openTargetDisk({ shelf: 1, slot: 0, path }, sources);
      const range = { lba: 8, sectorCount: 8 };
      const bytes = new Uint8Array(4096);
      await disk.device.read(range, bytes, 0);
      assert.deepEqual(bytes, content().slice(4096));
      if (await saysWhatIsInMemory(path)) {
        assert.ok(disk.device.readNow(range, bytes.fill(0), 0));
        assert.deepEqual(bytes, content().slice(4096));
      }
      await disk.close();
    }),
});
