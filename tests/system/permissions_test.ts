import assert from "node:assert/strict";
import { NetNamespace } from "../guest/net_namespace.ts";
import type { ServerEvent } from "../guest/server.ts";
import { spawnServer } from "./commands.ts";
import { systemTest } from "./rig.ts";

const LIBPCAP = `/usr/lib/${Deno.build.arch}-linux-gnu/libpcap.so.0.8`;
const PROGRAM: string = new URL("../..", import.meta.url).pathname;
const MEMORY_DISK: readonly string[] = [
  ...["--interface", "lo", "--store", "memory:"],
  ...["--target", "1.0=disk:64MiB", "--create"],
];

/** Serves with these permissions until it is ready, then ends it; what it said. */
async function serveWith(
  permissions: readonly string[],
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<readonly ServerEvent[]> {
  await using namespace = await NetNamespace.create();
  await using server = spawnServer(namespace, { permissions, args, wrapper });
  await server.waitFor("ready");
  const { code } = await server.end("SIGTERM");
  assert.equal(code, 0, server.log());
  return server.events;
}

function names(events: readonly ServerEvent[]): string[] {
  return events.map(({ event }) => event);
}

systemTest(
  "the permission for native libraries is enough for a disk in memory",
  async () => {
    for (const ffi of ["--allow-ffi", `--allow-ffi=${LIBPCAP}`]) {
      const events = await serveWith([ffi], MEMORY_DISK);
      assert.deepEqual(names(events), ["ready", "stopping", "stopped"], ffi);
    }
  },
);

systemTest(
  "nobody is asked for a permission, even where somebody could answer",
  async () => {
    await using namespace = await NetNamespace.create();
    const command = [
      ...[Deno.execPath(), "run", "--allow-ffi", `${PROGRAM}main.ts`, "serve"],
      ...MEMORY_DISK,
    ].join(" ");
    // script gives it a terminal.
    const process = namespace.spawn({
      command: ["script", "--quiet", "--command", command, "/dev/null"],
    });
    let said = "";
    for await (const chunk of process.stdout) {
      said += new TextDecoder().decode(chunk);
      if (/Serving disk|Allow\?/.test(said)) break;
    }
    process.kill("SIGKILL");
    await process.stderr.cancel();
    await process.status;
    assert.match(said, /Serving disk/);
    assert.doesNotMatch(said, /Allow\?/);
  },
);

systemTest(
  "a file store needs its own folder, and says what more would give",
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-system-" });
    const args = [
      ...["--interface", "lo", "--store", `file:${folder}/archive`],
      ...["--target", "1.0=disk:64MiB", "--create"],
    ];
    const own = [`--allow-write=${folder}`, "--allow-ffi"];
    const least = await serveWith([`--allow-read=${folder}`, ...own], args);
    assert.deepEqual(names(least).sort(), [
      "no-control-socket",
      "one-thread",
      "ready",
      "stopped",
      "stopping",
    ]);
    const socket = `${folder}/archive/local/control.sock`;
    const more = await serveWith([
      ...[`--allow-read=${folder},${PROGRAM}`, `--allow-net=unix:${socket}`],
      ...own,
    ], args);
    assert.deepEqual(names(more), ["ready", "stopping", "stopped"]);
    await Deno.remove(folder, { recursive: true });
  },
);

systemTest(
  "without the permission for libpcap it says what to type",
  async () => {
    await using namespace = await NetNamespace.create();
    await using server = spawnServer(namespace, {
      permissions: [],
      args: MEMORY_DISK,
    });
    await assert.rejects(server.waitFor("ready"));
    const [event] = server.events;
    assert.equal(event?.exitStatus, 13);
    assert.match(String(event?.message), /--allow-ffi/);
  },
);

systemTest(
  "CAP_NET_RAW is enough, and without it the server says so",
  async () => {
    // Still the owner of Deno's cache, but with no other power of root.
    const raw = [
      ...[
        "setpriv",
        "--bounding-set=-all,+net_raw",
        "--inh-caps=-all,+net_raw",
      ],
      "--no-new-privs",
    ];
    await serveWith(["--allow-ffi"], MEMORY_DISK, raw);

    await using namespace = await NetNamespace.create();
    await using server = spawnServer(namespace, {
      permissions: ["--allow-ffi"],
      args: MEMORY_DISK,
      wrapper: ["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
    });
    await assert.rejects(server.waitFor("ready"));
    const [event] = server.events;
    assert.equal(event?.exitStatus, 13);
    assert.match(String(event?.message), /CAP_NET_RAW|cap_net_raw/);
  },
);
