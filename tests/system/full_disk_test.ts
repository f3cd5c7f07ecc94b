/** Disks that are full: of the journal and the state, and of the archive. */

import assert from "node:assert/strict";
import { AtaError } from "../../aoe/initiator/errors.ts";
import { run } from "../../setup/run.ts";
import { assertContent, noise, writeAll } from "./disk_content.ts";
import { type AttachedTarget, SystemRig, systemTest } from "./rig.ts";

const MEBIBYTE: number = 1024 * 1024;
const SECTOR_SIZE = 512;
const FILE_SYSTEM_MIB = 64;
/** Below this the rest of a file system is too little for anything. */
const CHUNK_BYTES_MIN = 4096;
const ATTEMPTS_MAX = 60;

/** A file system of its own, which can be filled and freed. */
class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(path: string): Promise<SmallDisk> {
    await Deno.mkdir(path);
    const options = `size=${FILE_SYSTEM_MIB}m`;
    const mounted = await run("mount", [
      ...["-t", "tmpfs", "-o", options, "tmpfs", path],
    ]);
    if (!mounted.success) throw new Error(mounted.stderr);
    return new SmallDisk(path);
  }

  /** Takes every byte that is left. */
  async fill(): Promise<void> {
    using file = await Deno.open(this.#filler, { create: true, append: true });
    for (let length = MEBIBYTE; length >= CHUNK_BYTES_MIN;) {
      try {
        await file.write(new Uint8Array(length));
      } catch {
        length /= 2;
      }
    }
  }

  async free(): Promise<void> {
    await Deno.remove(this.#filler);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", ["-l", this.path]);
  }

  get #filler(): string {
    return `${this.path}/filler`;
  }
}

/** Whether a write is acknowledged, or refused with an ATA error. */
async function isTaken(
  { target }: AttachedTarget,
  lba: number,
  bytes: Uint8Array,
): Promise<boolean> {
  try {
    await writeAll(target, lba, bytes);
    return true;
  } catch (error) {
    if (error instanceof AtaError) return false;
    throw error;
  }
}

/** Writes again until it is acknowledged, or refused, as `taken` says. */
async function writeUntil(
  taken: boolean,
  client: AttachedTarget,
  lba: number,
): Promise<Uint8Array> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const bytes = noise(MEBIBYTE);
    if (await isTaken(client, lba, bytes) === taken) return bytes;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`No write was ${taken ? "acknowledged" : "refused"}`);
}

systemTest(
  "a full journal refuses writes, serves reads, and goes on when there is room",
  async () => {
    await using rig = await SystemRig.create(9000);
    await using disk = await SmallDisk.mount(`${rig.folder}/state`);
    const store = `file:${rig.folder}/archive`;
    const options = ["--create", "--state", disk.path];
    const before = noise(4 * MEBIBYTE);
    let after: Uint8Array;
    const lba = before.length / SECTOR_SIZE;
    {
      await using server = await rig.serve(store, ["1.0=disk:32MiB"], options);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, before);
      await disk.fill();
      await writeUntil(false, client, lba);
      await assertContent(client.target, 0, before);
      await disk.free();
      after = await writeUntil(true, client, lba);
      await assertContent(client.target, lba, after);
      await server.end("SIGKILL");
    }
    await using server = await rig.serve(store, ["1.0=disk"], options);
    using client = await rig.attach("1.0");
    await assertContent(client.target, 0, before);
    await assertContent(client.target, lba, after);
    assert.equal((await server.end("SIGTERM")).code, 0, server.log());
  },
);

systemTest(
  "a full archive loses nothing that was acknowledged, and goes on when there is room",
  async () => {
    await using rig = await SystemRig.create(9000);
    await using disk = await SmallDisk.mount(`${rig.folder}/blobs`);
    const store = `file:${disk.path}/archive`;
    const options = ["--create", "--state", `${rig.folder}/state`];
    const before = noise(4 * MEBIBYTE);
    const after = noise(8 * MEBIBYTE);
    const lba = before.length / SECTOR_SIZE;
    {
      await using server = await rig.serve(store, ["1.0=disk:32MiB"], options);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, before);
      await disk.fill();
      await writeAll(client.target, lba, after);
      await server.waitFor("store-failed");
      await assertContent(client.target, 0, before);
      await assertContent(client.target, lba, after);
      await server.end("SIGKILL");
    }
    await disk.free();
    await using server = await rig.serve(store, ["1.0=disk"], options);
    using client = await rig.attach("1.0");
    await server.waitFor("checkpoint");
    await assertContent(client.target, 0, before);
    await assertContent(client.target, lba, after);
    assert.equal((await server.end("SIGTERM")).code, 0, server.log());
  },
);
