import assert from "node:assert/strict";
import { openArchiveHere } from "../../cli/archive/archive_opening.ts";
import { openArchiveOnThread } from "../../cli/archive/archive_worker.ts";
import {
  openServingArchive,
  type ServingArchive,
  type ServingArchiveOptions,
} from "../../cli/serving/serving_archive.ts";
import type { PluginEntry } from "../../plugins/configured.ts";
import { Apache, PASSWORD, USER } from "./apache.ts";
import { apacheTest } from "./apache_case.ts";
import { runMain } from "./main_process.ts";
import { hashOf, ModuleServer } from "./module_server.ts";

const SECTORS = { lba: 8, sectorCount: 16 };

/** Bytes that compress badly and differ everywhere. */
function content(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(SECTORS.sectorCount * 512));
}

async function open(
  options: Pick<
    ServingArchiveOptions,
    "storeUrl" | "state" | "create" | "openPort" | "plugins"
  >,
): Promise<ServingArchive> {
  const onEvent = (): void => {};
  return await openServingArchive({ ...options, access: "serve", onEvent });
}

apacheTest(
  "an archive lives on WebDAV, through a plugin that nobody serves any more",
  async () => {
    await using apache = await Apache.start({ login: true });
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-webdav-" });
    const before = Deno.env.get("XDG_CACHE_HOME");
    Deno.env.set("XDG_CACHE_HOME", `${folder}/cache`);
    try {
      const storeUrl = `webdav://${apache.host}/archive`;
      const text = await Deno.readTextFile(
        new URL("../../plugins/examples/webdav.ts", import.meta.url),
      );
      const server = new ModuleServer(text);
      const plugin: PluginEntry = {
        scheme: "webdav",
        module: server.address,
        sha256: await hashOf(text),
        settings: { username: USER, password: PASSWORD },
      };
      const written = content();
      const archive = await open({
        storeUrl,
        state: `${folder}/state`,
        create: true,
        openPort: openArchiveOnThread,
        plugins: [plugin],
      });
      const request = { volume: "disk", createBlockCount: 1024 };
      const volume = await archive.front.openVolume(request);
      assert.ok(volume.write(SECTORS, written, 0) > 0);
      const { rootHash } = await archive.front.snapshot("disk", "monday");
      await archive.close();
      await server[Symbol.asyncDispose]();

      const config = `${folder}/config.toml`;
      await Deno.writeTextFile(
        config,
        `store = "${storeUrl}"
[plugins.webdav]
module = "${plugin.module}"
sha256 = "${plugin.sha256}"
options = { username = "${USER}", password = "\${DAV_PASSWORD}" }
`,
      );
      const listed = await runMain(["snapshot", "list", "--config", config], {
        flags: [
          "--no-prompt",
          `--allow-read=${config},${folder}/cache`,
          `--allow-net=${apache.host}`,
          "--allow-env=CACHE_DIRECTORY,XDG_CACHE_HOME,HOME,DAV_PASSWORD",
        ],
        env: { DAV_PASSWORD: PASSWORD },
      });
      assert.equal(listed.code, 0, listed.stderr);
      assert.ok(listed.stdout.includes(rootHash), listed.stdout);
      const refused = await runMain(["snapshot", "list", "--config", config], {
        env: { DAV_PASSWORD: "hush" },
      });
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /HTTP 401.*username and password/);
      assert.doesNotMatch(refused.stderr + refused.stdout, /hush/);

      // Another machine has nothing but the configuration.
      const elsewhere = await open({
        storeUrl,
        state: `${folder}/elsewhere`,
        create: false,
        openPort: openArchiveHere,
        plugins: [plugin],
      });
      const view = { volume: "disk", snapshot: "monday" };
      const snapshot = await elsewhere.front.openVolume(view);
      const read = new Uint8Array(written.length);
      await snapshot.read(SECTORS, read, 0);
      assert.deepEqual(read, written);
      await elsewhere.close();
    } finally {
      if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
      else Deno.env.set("XDG_CACHE_HOME", before);
      await Deno.remove(folder, { recursive: true });
    }
  },
);
