import assert from "node:assert/strict";
import { openFileHoles } from "../../cli/verbs/file_holes.ts";

const MEBIBYTE: number = 1024 * 1024;

Deno.test({
  name: "holes are told, and what cannot be told is to be read",
  ignore: Deno.build.os !== "linux",
  async fn(): Promise<void> {
    const path = await Deno.makeTempFile({ prefix: "deepshelf-holes-" });
    try {
      using file = await Deno.open(path, { write: true });
      await file.truncate(4 * MEBIBYTE);
      await file.seek(MEBIBYTE, Deno.SeekMode.Start);
      await file.write(new Uint8Array(4096).fill(1));
      const holes = openFileHoles(path);
      if (holes === undefined) return;
      assert.equal(holes.holeLength(0), MEBIBYTE);
      assert.equal(holes.holeLength(MEBIBYTE), 0);
      assert.equal(holes.holeLength(2 * MEBIBYTE), Infinity);
      // The system refuses this as it does what a failing disk cannot tell.
      assert.equal(holes.holeLength(-4096), 0);
      holes.close();
    } finally {
      await Deno.remove(path);
    }
  },
});
