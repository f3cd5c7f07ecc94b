import assert from "node:assert/strict";
import { openImageOutput, pipeOutput } from "../../cli/verbs/image_output.ts";

const MEBIBYTE: number = 1024 * 1024;

Deno.test("a pipe gets zeros where nothing is written, up to the image's end", async () => {
  const parts: Uint8Array[] = [];
  const sink = pipeOutput({
    write(bytes): Promise<number> {
      // A pipe takes as much as it has room for.
      const taken = bytes.slice(0, 5000);
      parts.push(taken);
      return Promise.resolve(taken.length);
    },
  });
  await sink.write(4096, new Uint8Array(8192).fill(1));
  await sink.write(3 * MEBIBYTE, new Uint8Array(4096).fill(2));
  await sink.finish(4 * MEBIBYTE);
  const expected = new Uint8Array(4 * MEBIBYTE);
  expected.fill(1, 4096, 12_288);
  expected.fill(2, 3 * MEBIBYTE, 3 * MEBIBYTE + 4096);
  const found = new Uint8Array(
    await new Blob(parts as BlobPart[]).arrayBuffer(),
  );
  assert.deepEqual(found, expected);
});

Deno.test("a failed pipe says how far it came", async () => {
  const sink = pipeOutput({
    write: () => Promise.reject(new Error("Broken pipe")),
  });
  await assert.rejects(
    sink.write(0, new Uint8Array(4096)),
    /Cannot write stdout at byte 0: Broken pipe; the image is not complete/,
  );
});

/** Attaches a file as a block device; undefined where the system has none or does not let us. */
async function attachLoop(path: string): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("losetup", {
      args: ["--find", "--show", path],
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

Deno.test("a block device gets the image and nothing behind it is touched", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-device-" });
  const disk = `${folder}/disk`;
  const before = new Uint8Array(4 * MEBIBYTE).fill(9);
  await Deno.writeFile(disk, before);
  const device = await attachLoop(disk);
  try {
    await t.step({
      name: "over what it held",
      ignore: device === undefined,
      async fn(): Promise<void> {
        const path = device!;
        const image = { path, rootHash: "a".repeat(64), overwrite: true };
        assert.throws(
          () => openImageOutput({ ...image, byteCount: 1, overwrite: false }),
          /--overwrite/,
        );
        assert.throws(
          () => openImageOutput({ ...image, byteCount: 8 * MEBIBYTE }),
          /has only 4194304/,
        );
        using sink = openImageOutput({ ...image, byteCount: 3 * MEBIBYTE });
        const there = await sink.readBack!(MEBIBYTE, 4096);
        assert.deepEqual(there, before.subarray(0, 4096));
        await sink.keep!(4096, 8192);
        await sink.write(MEBIBYTE, new Uint8Array(8192).fill(1));
        await sink.keep!(2 * MEBIBYTE, 4096);
        await sink.finish(3 * MEBIBYTE);
        const expected = before.slice();
        expected.fill(0, 0, 3 * MEBIBYTE);
        expected.set(before.subarray(0, 8192), 4096);
        expected.fill(1, MEBIBYTE, MEBIBYTE + 8192);
        expected.set(before.subarray(0, 4096), 2 * MEBIBYTE);
        assert.deepEqual(await Deno.readFile(path), expected);
      },
    });
  } finally {
    if (device !== undefined) {
      await new Deno.Command("losetup", { args: ["--detach", device] })
        .output();
    }
    await Deno.remove(folder, { recursive: true });
  }
});
