/**
 * Writes of the journal's files on other threads.
 */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alignedBytes } from "../../cas/disk/direct_writer.ts";
import { openRealDisk } from "../../cas/disk/real_disk.ts";
import { openJournalWrites } from "../../cli/serving/journal_writes.ts";

Deno.test("the journal's writes on other threads reach the file, and a failed one says so", async () => {
  const path = mkdtempSync(join(tmpdir(), "deepshelf-writes-"));
  const writes = openJournalWrites()!;
  try {
    const counts: number[] = [];
    const disk = openRealDisk(path, {
      async writeElsewhere(...parts): Promise<number> {
        const count = await writes.write(...parts);
        counts.push(count);
        return count;
      },
    });
    const file = disk.create("a");
    const bytes = alignedBytes(65_536).fill(5);
    await file.writeDurablySoon(bytes, 4096);
    assert.deepEqual(counts, [65_536]);
    const found = new Uint8Array(file.size);
    file.read(found, 0);
    assert.equal(found.length, 69_632);
    assert.ok(found.every((byte, at) => byte === (at < 4096 ? 0 : 5)));
    file.close();

    const noDescriptor = -1;
    assert.ok(await writes.write(noDescriptor, bytes, 0) < 1);
    const shared = new Uint8Array(new SharedArrayBuffer(4096));
    assert.ok(await writes.write(noDescriptor, shared, 0) < 1);
  } finally {
    writes.close();
    rmSync(path, { recursive: true });
  }
});
