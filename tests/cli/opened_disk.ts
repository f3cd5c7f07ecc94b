/** A disk of an archive that is served from this thread, its journal in memory. */

import assert from "node:assert/strict";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { ArchiveFront } from "../../cas/front/archive_front.ts";
import type { Volume } from "../../cas/front/volume.ts";
import {
  type ArchiveOpening,
  openArchiveHere,
} from "../../cli/archive/archive_opening.ts";

const BLOCKS = 512;
const BLOCK_BYTES = 4096;
const SECTORS_PER_BLOCK = 8;
const SECTOR_BYTES = 512;
const STATE_ID: string = "5".repeat(32);

/** An archive, and a disk of it. */
export interface OpenedDisk {
  /** The archive. */
  readonly port: OpenedArchive;
  /** Its other half. */
  readonly front: ArchiveFront;
  /** The disk, of 2 MiB. */
  readonly disk: Volume;
  /** What was reported. */
  readonly events: readonly ArchiveEvent[];
  /** Closes all. */
  close(): Promise<void>;
}

/** Opens an archive, making it if it is not there. */
export async function openDisk(
  opening: Pick<
    ArchiveOpening,
    "storeUrl" | "storeSettings" | "indexPath" | "cachePath"
  >,
): Promise<OpenedDisk> {
  const events: ArchiveEvent[] = [];
  const report = (event: ArchiveEvent): void => void events.push(event);
  const pool = BlockPool.allocate(4 * BLOCKS);
  const port = await openArchiveHere(
    {
      ...opening,
      create: true,
      access: "serve",
      stateId: STATE_ID,
      holder: {},
    },
    pool,
    report,
  );
  const front = await ArchiveFront.open({
    port,
    pool,
    disk: new SimulatedDisk({ random: Math.random }),
    stateId: STATE_ID,
    budget: {
      journalBytesMax: 16 * 1024 * 1024,
      checkpointBytes: 4 * 1024 * 1024,
      checkpointAgeMs: 60_000,
    },
    report,
  });
  const disk = await front.openVolume({
    volume: "disk",
    createBlockCount: BLOCKS,
  });
  const close = async (): Promise<void> => {
    await front.close();
    await port.close();
  };
  return { port, front, disk, events, close };
}

/** Writes blocks that differ, and has them archived; what was written. */
export async function fill({ disk, front }: OpenedDisk): Promise<Uint8Array> {
  const content = new Uint8Array(BLOCKS * BLOCK_BYTES);
  for (let at = 0; at < content.length; at += 65_536) {
    crypto.getRandomValues(content.subarray(at, at + 65_536));
  }
  for (let lba = 0; lba < BLOCKS * SECTORS_PER_BLOCK; lba += 64) {
    const range = { lba, sectorCount: 64 };
    assert.ok(disk.write(range, content, lba * SECTOR_BYTES) > 0);
  }
  await front.checkpoint();
  return content;
}

/** The disk's bytes. */
export async function readAll({ disk }: OpenedDisk): Promise<Uint8Array> {
  const content = new Uint8Array(BLOCKS * BLOCK_BYTES);
  const sectorCount = BLOCKS * SECTORS_PER_BLOCK;
  await disk.read({ lba: 0, sectorCount }, content, 0);
  return content;
}
