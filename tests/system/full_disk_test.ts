/**
 * Disks that are full, each on a file system of its own: that of the journal,
 * of the archive, of the state folder, and one for everything.
 */

import assert from "node:assert/strict";
import { ConfigCommand } from "../../aoe/query_config.ts";
import { callControl } from "../../cli/serving/control.ts";
import { finishSalvage } from "../../cli/state/salvage_folder.ts";
import type { ServerStatus } from "../../cli/serving/server_status.ts";
import type { RunningServer } from "../guest/server.ts";
import { Load } from "./full_disk_load.ts";
import { SystemRig, systemTest } from "./rig.ts";
import { SmallDisk } from "./small_disk.ts";

const TARGET = "1.0=disk:512MiB";
/** As little as there is: the journal is full soon. */
const OPTIONS: readonly string[] = ["--create", "--memory", "480MiB"];
/** More than makes a checkpoint: then what is read comes from packs, too. */
const CHUNKS_BEFORE = 40;

/** Where a server keeps what. */
interface Places extends AsyncDisposable {
  readonly rig: SystemRig;
  readonly archive: SmallDisk;
  readonly state: SmallDisk;
  readonly journal: SmallDisk;
}

async function threeDisks(journalMiB: number): Promise<Places> {
  await using stack = new AsyncDisposableStack();
  const rig = stack.use(await SystemRig.create(9000));
  const { folder } = rig;
  const archive = stack.use(await SmallDisk.mount(`${folder}/store`, 160));
  const state = stack.use(await SmallDisk.mount(`${folder}/state`, 16));
  const journal = stack.use(
    await SmallDisk.mount(`${folder}/state/journal`, journalMiB),
  );
  const kept = stack.move();
  return {
    ...{ rig, archive, state, journal },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function serve(
  { rig, archive, state }: Places,
  target: string = TARGET,
): Promise<RunningServer> {
  const options = [...OPTIONS, "--state", state.path];
  return rig.serve(`file:${archive.path}/archive`, [target], options);
}

async function statusOf(statePath: string): Promise<ServerStatus> {
  const path = `${statePath}/control.sock`;
  const answer = await callControl(path, { verb: "status" });
  return answer?.result as ServerStatus;
}

function eventsOf(server: RunningServer, event: string): string[] {
  return server.events.filter((it) => it.event === event)
    .map(({ message }) => String(message));
}

/** Reads on while writes are refused, and after; then the server is killed and started again. */
async function fillAndFree(
  places: Places,
  disk: SmallDisk,
  judge: (server: RunningServer, status: ServerStatus) => void,
): Promise<void> {
  const { rig, state } = places;
  let load: Load;
  {
    await using server = await serve(places);
    using client = await rig.attach("1.0");
    load = new Load(client.target);
    await load.writeMany(CHUNKS_BEFORE);
    await server.waitFor("checkpoint");
    disk.fill();
    await load.writeUntilRefused();
    judge(server, await statusOf(state.path));
    await load.check();
    assert.equal(eventsOf(server, "writes-refused").length, 1, server.log());
    await disk.free();
    await load.writeUntilTaken();
    await server.waitFor("writes-accepted");
    await load.writeMany(4);
    assert.equal((await statusOf(state.path)).writesRefused, undefined);
    await server.end("SIGKILL");
  }
  await using server = await serve(places);
  using client = await rig.attach("1.0");
  await load.check(client.target);
  assert.equal((await server.end("SIGTERM")).code, 0, server.log());
}

systemTest(
  "a full disk of the journal slows and refuses writes, serves reads, and room ends it",
  async () => {
    // Too small for what makes a checkpoint by itself: it is full all the time.
    await using places = await threeDisks(8);
    await fillAndFree(places, places.journal, (server, status) => {
      assert.match(status.writesRefused ?? "", /disk of the journal.*ENOSPC/);
      assert.equal(status.full, undefined);
      // They were slowed before: what it has is all that it finds room for.
      assert.ok(status.fill > 0.9, `${status.fill}`);
      assert.ok(eventsOf(server, "journal-full").length > 0);
    });
  },
);

systemTest(
  "a full archive slows writes, refuses them when the journal is full, and room ends it",
  async () => {
    await using places = await threeDisks(96);
    await fillAndFree(places, places.archive, (server, status) => {
      assert.match(status.writesRefused ?? "", /store is full.*Free space/);
      assert.match(status.full ?? "", /Free space/);
      assert.ok(status.fill > 0.9, `${status.fill}`);
      assert.equal(eventsOf(server, "store-full").length, 1);
    });
  },
);

systemTest(
  "a full state folder stops no write and no checkpoint, and what is kept there is kept when there is room",
  async () => {
    await using places = await threeDisks(96);
    const { rig, state } = places;
    let load: Load;
    {
      await using server = await serve(places, `${TARGET},flush=remote`);
      using client = await rig.attach("1.0");
      load = new Load(client.target);
      await load.writeMany(1);
      state.fill();
      // As many packs as are remembered without the index being written.
      for (let pack = 0; pack < 70; pack++) {
        await load.write();
        await client.target.flush();
      }
      await server.waitFor("index-not-saved");
      await server.waitFor("hints-unsaved");
      const text = new TextEncoder().encode("kept");
      const kept = client.target.queryConfig(ConfigCommand.Set, text);
      await server.waitFor("target-state-not-kept");
      assert.equal((await statusOf(state.path)).unarchivedBytes, 0);
      await state.free();
      await kept;
      await load.writeMany(4);
      await client.target.flush();
      await server.waitFor("index-saved");
      assert.equal(eventsOf(server, "writes-refused").length, 0);
      assert.equal(load.count, 75);
      await server.end("SIGKILL");
    }
    await using server = await serve(places);
    using client = await rig.attach("1.0");
    await load.check(client.target);
    const { configString } = await client.target.queryConfig();
    assert.equal(new TextDecoder().decode(configString), "kept");
    assert.equal((await server.end("SIGTERM")).code, 0, server.log());
  },
);

systemTest(
  "a damaged journal on a disk of its own is salvaged when that is unmounted",
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-system-" });
    try {
      await Deno.mkdir(`${folder}/journal.salvaged`);
      {
        await using _disk = await SmallDisk.mount(`${folder}/journal`, 1);
        assert.throws(() => finishSalvage(folder), /umount .*journal/);
      }
      assert.match(finishSalvage(folder) ?? "", /journal.damaged-/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

systemTest(
  "one full disk for everything loses nothing that was acknowledged, also when the server is killed there",
  async () => {
    await using rig = await SystemRig.create(9000);
    await using disk = await SmallDisk.mount(`${rig.folder}/all`, 160);
    const store = `file:${disk.path}/archive`;
    let load: Load;
    {
      await using server = await rig.serve(store, [TARGET], OPTIONS);
      using client = await rig.attach("1.0");
      load = new Load(client.target);
      await load.writeMany(CHUNKS_BEFORE);
      disk.fill();
      await load.writeUntilRefused();
      await load.check();
      await server.end("SIGKILL");
    }
    await disk.free();
    await using server = await rig.serve(store, [TARGET], OPTIONS);
    using client = await rig.attach("1.0");
    await load.check(client.target);
    await new Load(client.target).writeMany(CHUNKS_BEFORE);
    assert.equal((await server.end("SIGTERM")).code, 0, server.log());
  },
);
