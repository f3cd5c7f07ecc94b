import assert from "node:assert/strict";
import type { StoreStatistics } from "../../cas/archive_operations.ts";
import { parseStoreOptions } from "../../cli/options/store_settings.ts";
import { linesOf } from "../../cli/verbs/store_stats.ts";
import { assertSame } from "../assert_same.ts";
import { withFolder } from "../temporary_folder.ts";
import { fill, openDisk, type OpenedDisk, readAll } from "./opened_disk.ts";

/** Opens an archive in `folder`, with store options. */
async function open(folder: string, ...options: string[]): Promise<OpenedDisk> {
  await Deno.mkdir(`${folder}/state/index`, { recursive: true });
  return await openDisk({
    storeUrl: `file:${folder}/archive`,
    storeSettings: parseStoreOptions(options),
    indexPath: `${folder}/state/index`,
    cachePath: `${folder}/state/cache`,
  });
}

async function cacheOf({ port }: OpenedDisk): Promise<StoreStatistics> {
  return await port.operate("store stats", {});
}

Deno.test("what was just archived is read without the store, and stats tell", () =>
  withFolder(async (folder) => {
    const first = await open(folder, "cache=64MiB");
    const content = await fill(first);
    assert.match(linesOf(await cacheOf(first)).join("\n"), /No pack was read/);
    await first.close();
    const second = await open(folder, "cache=64MiB");
    for await (const { name } of Deno.readDir(`${folder}/archive/packs`)) {
      await Deno.remove(`${folder}/archive/packs/${name}`, { recursive: true });
    }
    assertSame(await readAll(second), content);
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
    assertSame(await readAll(second), content);
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
