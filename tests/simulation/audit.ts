/** The end of a run: everything is looked at, on this machine and on a new one. */

import { openVolume, readSnapshot } from "./client_actions.ts";
import { checkHistoryOf, checkNames } from "./books.ts";
import { crash, restart, resume } from "./hazards.ts";
import type { Run } from "./run.ts";
import { Place } from "./simulated_place.ts";
import { Violation } from "./world.ts";

const HEALED_MS = 60_000;

export async function audit(run: Run): Promise<void> {
  const { world } = run;
  world.note("audit");
  run.heal();
  await world.pass(HEALED_MS);
  // What was on its way may have done damage since.
  run.heal();
  if (run.waiting.size > 0) {
    throw new Violation(`${run.waiting.size} calls are never answered`);
  }
  run.throwIfFailed();
  await (world.chance(0.5) ? crash(run) : restart(run));
  await world.pass(HEALED_MS);
  await run.settle(run.server.front.checkpoint(), "the last checkpoint");
  await lookAtAll(run);
  await leave(run);
  run.place = new Place(world, "z", world.driver);
  await run.start();
  await resume(run);
  await lookAtAll(run);
}

async function leave(run: Run): Promise<void> {
  const { front, port, process } = run.server;
  await run.settle(front.close(), "closing");
  await run.settle(port.close(), "closing the archive");
  if (run.place.journal.disk.list().some((name) => /^\d+$/.test(name))) {
    throw new Violation("A journal is left behind");
  }
  process.kill();
}

async function lookAtAll(run: Run): Promise<void> {
  const { server } = run;
  for (const volume of run.shown()) {
    if (!server.disks.has(volume.name)) await openVolume(run, volume);
    const disk = server.disks.get(volume.name);
    if (disk === undefined) {
      throw new Violation(`Volume ${volume.name} cannot be opened at last`);
    }
    const capture = volume.capture();
    const found = await run.readAll(disk, `volume ${volume.name}`);
    volume.checkRead(0, found, capture, `volume ${volume.name} at last`);
    for (const name of [...volume.snapshots.keys()]) {
      await readSnapshot(run, volume, name);
    }
    await checkHistoryOf(run, volume);
  }
  await checkNames(run);
  const { faults } = await run.settle(
    server.port.operate("check", {}),
    "check",
  );
  if (faults.length > 0) throw new Violation(`check: ${faults[0]}`);
}
