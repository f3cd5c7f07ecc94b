/**
 * The front on a directory of the system, with the system's clock.
 */

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlockPool } from "../../cas/block_pool.ts";
import { openRealDisk } from "../../cas/disk/real_disk.ts";
import { ArchiveFront } from "../../cas/front/archive_front.ts";
import { assertSame } from "../assert_same.ts";
import { stamped, STATE_ID } from "./front/fixtures.ts";
import { ModelArchive, ModelPort } from "./front/model_port.ts";

function openFront(path: string, archive: ModelArchive): Promise<ArchiveFront> {
  const pool = BlockPool.allocate(1024);
  return ArchiveFront.open({
    port: new ModelPort({ archive, pool, stateId: STATE_ID }),
    pool,
    disk: openRealDisk(path),
    stateId: STATE_ID,
    report: () => {},
    budget: {
      journalBytesMax: 64 * 1024 * 1024,
      checkpointBytes: 1024 * 1024,
      checkpointAgeMs: 60_000,
    },
  });
}

Deno.test("a journal in a directory is left at any moment, replayed, and gone after a clean stop", async () => {
  const parent = mkdtempSync(join(tmpdir(), "deepshelf-front-"));
  const path = join(parent, "journal");
  const archive = new ModelArchive();
  try {
    const front = await openFront(path, archive);
    const request = { volume: "disk", createBlockCount: 1024 };
    const volume = await front.openVolume(request);
    for (let block = 0; block < 600; block++) {
      const range = { lba: block * 8, sectorCount: 8 };
      const settled = new Promise<void>((resolve) => {
        volume.onSettled((_through, ok) => {
          assert.ok(ok);
          resolve();
        });
      });
      assert.ok(volume.write(range, stamped(block + 1, 8), 0) > 0);
      if (block % 10 === 0) await settled;
      if (block === 599) await settled;
    }
    await front.abandon();
    assert.ok(readdirSync(path).length > 0);

    const again = await openFront(path, archive);
    const disk = await again.openVolume(request);
    const into = new Uint8Array(4096);
    for (let block = 0; block < 600; block++) {
      await disk.read({ lba: block * 8, sectorCount: 8 }, into, 0);
      assertSame(into, stamped(block + 1, 8), `block ${block}`);
    }
    await again.close();
    // The spare file holds nothing of it.
    assert.deepEqual(readdirSync(path), ["spare"]);
    assert.equal(archive.newest("disk").blocks.size, 600);
  } finally {
    rmSync(parent, { recursive: true });
  }
});
