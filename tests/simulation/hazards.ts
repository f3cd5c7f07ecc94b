/** What happens to servers, disks and the blob store. */

import { seeded } from "../cas/front/fixtures.ts";
import {
  change,
  flush,
  openVolume,
  snapshot,
  write,
} from "./client_actions.ts";
import type { VolumeModel } from "./model.ts";
import { codeOf, messageOf, type Run } from "./run.ts";
import { Violation } from "./world.ts";

/** Store and disks get worse, or well again. */
export function weather(run: Run): void {
  const { world, weather, place } = run;
  if (world.chance(0.5)) return run.calm();
  const kind = world.below(8);
  world.note(`weather ${kind}`);
  if (kind === 0) weather.slowMs = 5 + world.below(3000);
  if (kind === 1) weather.failing = 0.3 * world.random();
  if (kind === 2) weather.lyingGets = 0.2 * world.random();
  if (kind === 3) weather.lyingPuts = 0.3 * world.random();
  if (kind === 4) weather.full = true;
  if (kind === 5) weather.away = true;
  if (kind === 6) ail(run, world.chance(0.7) ? "journal" : "index");
  if (kind === 7) place.journal.slowMs = world.below(40);
}

function ail(run: Run, which: "journal" | "index"): void {
  const disk = run.place[which];
  if (run.world.chance(0.5)) disk.full = true;
  else disk.failing = 0.3 * run.world.random();
}

/** A blob goes wrong, or all damage is mended. */
export function damage(run: Run): void {
  const { world, damage, space } = run;
  if (damage.any && world.chance(0.6)) return run.heal();
  const keys = [...space.blobs.keys()].filter((key) =>
    world.chance(0.15) || key.startsWith("packs/")
  );
  if (keys.length === 0) return;
  const key = world.oneOf(keys);
  if (key.startsWith("packs/") && world.chance(0.3)) {
    world.note(`lost: ${key}`);
    damage.lose(key);
  } else if (/^(packs|roots|names)\//.test(key)) {
    world.note(`rot: ${key}`);
    damage.rot(key, world.below(2 ** 30));
  }
  // What is written over damage cannot be archived: a snapshot must not lack it.
  const open = run.open();
  if (open.length === 0 || world.chance(0.5)) return;
  const volume = world.oneOf(open);
  for (let left = 4; left > 0; left--) write(run, volume);
  snapshot(run, volume);
  flush(run, volume);
}

/** Power is lost, or the process is killed; then the server starts again, with a new index where that is wanted. */
export async function crash(run: Run, newIndex = false): Promise<void> {
  const { world, place, server } = run;
  world.note("crash");
  // Writes are in every stage when it happens.
  for (const volume of run.open()) write(run, volume);
  await world.steps(world.below(12));
  run.forgetAsked();
  server.process.kill();
  // The system lets go of what a dead process held.
  run.space.hold = null;
  if (world.chance(0.7)) {
    place.journal.losePower();
    place.index.losePower();
    const known = run.pendingChanges.length === 0;
    if (known && world.chance(0.1) && await rotJournal(run)) return;
  }
  if (world.chance(0.1) || newIndex) place.index.wipe();
  if (world.chance(0.1)) place.index.rot();
  if (world.chance(0.2)) place.hints = undefined;
  await run.start();
  await resume(run);
}

/**
 * A bit of the journal goes wrong: it is refused, or what is missing was in its
 * last batch, which cannot be told from one that was never finished.
 */
async function rotJournal(run: Run): Promise<boolean> {
  const { place, world } = run;
  const sound = place.journal.disk.afterPowerLoss(seeded(1));
  if (!place.journal.rot()) return false;
  run.completeIndex();
  const error = await run.tryStart();
  if (error === undefined) {
    run.loss = "all";
  } else {
    if (codeOf(error) !== "Damaged" && !run.troubled) {
      throw new Violation(`A rotten journal: ${messageOf(error)}`);
    }
    place.journal.disk = sound.afterPowerLoss(seeded(1));
    place.journal.losePower();
    world.note("the journal is sound again");
    await run.start();
  }
  await resume(run);
  return true;
}

/** The server ends as it should, and starts again. */
export async function restart(run: Run): Promise<void> {
  const { world, server, place } = run;
  world.note("restart");
  run.calm();
  run.closing = true;
  await run.settle(server.front.close(), "closing");
  await run.settle(server.port.close(), "closing the archive");
  await world.pass(1);
  run.forgetAsked();
  run.closing = false;
  server.process.kill();
  if (world.chance(0.3)) {
    place.journal.losePower();
    place.index.losePower();
  }
  await run.start();
  await resume(run);
}

/** After a start: what was changed is found out, some volumes change, most are opened. */
export async function resume(run: Run): Promise<void> {
  const { world, server } = run;
  const pending = run.pendingChanges;
  run.pendingChanges = [];
  for (const change of pending) {
    if (!await run.settle(change.wasMade(server), change.what)) continue;
    world.note(`${change.what} was made`);
    change.apply();
  }
  for (const volume of run.volumes) volume.sure = false;
  for (const volume of run.shown()) {
    if (run.loss === "nothing" && world.chance(0.1)) continue;
    await openVolume(run, volume);
  }
  if (run.volumes.every(({ sure, retired }) => sure || retired)) {
    run.loss = "nothing";
  }
}

/** Renames, retires, brings back or restores a volume that is not open. */
export async function changeClosed(run: Run): Promise<void> {
  const { world, server } = run;
  const { port } = server;
  const closed = run.volumes.filter((volume) =>
    !server.disks.has(volume.name) && (volume.retired || run.troubled === false)
  );
  if (closed.length === 0) return;
  const volume = world.oneOf(closed);
  // Its name is also that of one that came late.
  if (run.contested.has(volume.name)) return await openVolume(run, volume);
  if (volume.retired) {
    await change(
      run,
      port.operate("volume unretire", { volume: volume.name }),
      {
        what: `bringing ${volume.name} back`,
        apply: () => void (volume.retired = false),
        wasMade: (server) => isShown(server, volume.name),
      },
    );
    return;
  }
  await openOrChange(run, volume);
}

async function openOrChange(run: Run, volume: VolumeModel): Promise<void> {
  const { world } = run;
  const { port, front } = run.server;
  const choice = world.below(4);
  if (choice === 0) return await openVolume(run, volume);
  // What the journal holds of it opens it: that is archived, and closed, first.
  if (await isOpen(run, volume)) return;
  if (choice === 1) {
    const name = `v${run.nextStamp()}`;
    await change(
      run,
      port.operate("volume rename", { volume: volume.name, name }),
      {
        what: `renaming ${volume.name} ${name}`,
        apply: () => void (volume.name = name),
        wasMade: (server) => isShown(server, name),
      },
    );
  } else if (choice === 2) {
    await change(run, port.operate("volume retire", { volume: volume.name }), {
      what: `retiring ${volume.name}`,
      apply: () => void (volume.retired = true),
      wasMade: async (server) => !await isShown(server, volume.name),
    });
  } else {
    const named = [...volume.snapshots].filter(([, { sure, content }]) =>
      sure && content.isSized
    );
    if (named.length === 0) return;
    const [snapshot, model] = world.oneOf(named);
    const state = { volume: volume.name, snapshot };
    const { rootHash } = await run.settle(
      port.operate("state", { state }),
      "state",
    );
    const before = await run.settle(
      port.operate("state", { state: { volume: volume.name } }),
      "state",
    );
    await change(run, port.operate("restore", { volume: volume.name, state }), {
      what: `restoring ${volume.name} to ${snapshot}`,
      apply: () => volume.become(model.content),
      // Not seen at the head: a server that starts may have put its own root.
      wasMade: async ({ port }) => {
        const { entries } = await port.operate("history", {
          volume: volume.name,
          countMax: 1000,
        });
        return entries.some((entry) =>
          entry.sequence > before.sequence && "parentHash" in entry &&
          entry.parentHash === rootHash
        );
      },
    });
  }
  void front;
}

/** True if there is a volume of this name. */
export async function isShown(
  { port }: Run["server"],
  name: string,
): Promise<boolean> {
  const list = await port.operate("volume list", {});
  return list.some(({ volume }) => volume === name);
}

/** True if a change of it is refused because it is open. */
async function isOpen(run: Run, volume: VolumeModel): Promise<boolean> {
  const { port } = run.server;
  try {
    await run.settle(
      port.operate("volume rename", {
        volume: volume.name,
        name: `x${volume.name}`,
      }),
      "a rename",
    );
  } catch (error) {
    if (codeOf(error) === "InUse") return true;
    throw error;
  }
  await run.settle(
    port.operate("volume rename", {
      volume: `x${volume.name}`,
      name: volume.name,
    }),
    "a rename",
  );
  return false;
}
