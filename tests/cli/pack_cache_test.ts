import assert from "node:assert/strict";
import type {
  OpenedArchive,
  StoreStatistics,
} from "../../cas/archive_operations.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { ArchiveFront } from "../../cas/front/archive_front.ts";
import type { Volume } from "../../cas/front/volume.ts";
import { openArchiveHere } from "../../cli/archive_opening.ts";
import { parseStoreOptions } from "../../cli/store_settings.ts";
import { linesOf } from "../../cli/store_stats.ts";

const BLOCKS = 512;

interface Opened {
  readonly port: OpenedArchive;
  readonly front: ArchiveFront;
  readonly disk: Volume;
  readonly events: ArchiveEvent[];
  close(): Promise<void>;
}

/** Serves a disk of an archive in `folder`, with store options; its journal is in memory. */
async function open(folder: string, ...options: string[]): Promise<Opened> {
  const events: ArchiveEvent[] = [];
  const report = (event: ArchiveEvent): void => void events.push(event);
  const pool = BlockPool.allocate(4 * BLOCKS);
  const stateId = "5".repeat(32);
  await Deno.mkdir(`${folder}/state/index`, { recursive: true });
  const port = await openArchiveHere(
    {
      storeUrl: `file:${folder}/archive`,
      storeSettings: parseStoreOptions(options),
      create: true,
      access: "serve",
      stateId,
      holder: {},
      indexPath: `${folder}/state/index`,
      cachePath: `${folder}/state/cache`,
    },
    pool,
    report,
  );
  const front = await ArchiveFront.open({
    port,
    pool,
    disk: new SimulatedDisk({ random: Math.random }),
    stateId,
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

async function withFolder(
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-cache-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes blocks that differ, and has them archived. */
async function fill(opened: Opened): Promise<Uint8Array> {
  const content = new Uint8Array(BLOCKS * 4096);
  for (let at = 0; at < content.length; at += 65_536) {
    crypto.getRandomValues(content.subarray(at, at + 65_536));
  }
  for (let lba = 0; lba < BLOCKS * 8; lba += 64) {
    const range = { lba, sectorCount: 64 };
    assert.ok(opened.disk.write(range, content, lba * 512) > 0);
  }
  await opened.front.checkpoint();
  return content;
}

async function readAll({ disk }: Opened): Promise<Uint8Array> {
  const content = new Uint8Array(BLOCKS * 4096);
  await disk.read({ lba: 0, sectorCount: BLOCKS * 8 }, content, 0);
  return content;
}

async function cacheOf({ port }: Opened): Promise<StoreStatistics> {
  return await port.operate("store stats", {});
}

Deno.test("what was just archived is read without the store, and stats tell", () =>
  withFolder(async (folder) => {
    const first = await open(folder, "cache=64MiB");
    const content = await fill(first);
    await first.close();
    const second = await open(folder, "cache=64MiB");
    for await (const { name } of Deno.readDir(`${folder}/archive/packs`)) {
      await Deno.remove(`${folder}/archive/packs/${name}`, { recursive: true });
    }
    assert.deepEqual(await readAll(second), content);
    const statistics = await cacheOf(second);
    assert.ok(statistics.cache !== undefined);
    assert.ok(statistics.cache.hitCount > 0);
    assert.equal(statistics.cache.missCount, 0);
    assert.equal(statistics.cache.location, `${folder}/state/cache`);
    assert.match(
      linesOf(statistics).join("\n"),
      /reads of packs, 100 % answered by it/,
    );
    await second.close();
  }));

Deno.test("a cache whose bytes rotted serves what the store has", () =>
  withFolder(async (folder) => {
    const first = await open(folder, "cache=64MiB");
    const content = await fill(first);
    await first.close();
    const path = `${folder}/state/cache/extents`;
    const rotten = Deno.readFileSync(path);
    for (let at = 0; at < rotten.length; at += 1000) rotten[at]! ^= 4;
    Deno.writeFileSync(path, rotten);
    const second = await open(folder, "cache=64MiB");
    assert.deepEqual(await readAll(second), content);
    assert.ok((await cacheOf(second)).cache!.damagedCount > 0);
    assert.deepEqual(
      second.events.filter(({ severity }) => severity === "corrupt"),
      [],
    );
    await second.close();
  }));

Deno.test("a cache may lie elsewhere, and a second process does without", () =>
  withFolder(async (folder) => {
    const elsewhere = `cache-dir=${folder}/elsewhere`;
    const first = await open(folder, "cache=64MiB", elsewhere);
    await fill(first);
    assert.ok(Deno.statSync(`${folder}/elsewhere/extents`).size > 0);
    await Deno.mkdir(`${folder}/other`);
    const second = await open(`${folder}/other`, "cache=64MiB", elsewhere);
    assert.equal((await cacheOf(second)).cache, undefined);
    const said = second.events.filter(({ event }) => event === "pack-cache");
    assert.match(said[0]!.message, /in use by another process.*cache-dir=DIR/);
    await second.close();
    await first.close();
  }));

Deno.test("a folder has no cache of its own accord, nor any store with cache=off", () =>
  withFolder(async (folder) => {
    for (const options of [[], ["cache=off"], ["cache=0"]]) {
      const opened = await open(folder, ...options);
      assert.equal((await cacheOf(opened)).cache, undefined);
      await opened.close();
    }
    assert.throws(
      () => parseStoreOptions(["cache=much"]),
      /such as 20GiB, or off/,
    );
  }));
