/** A second server takes the archive over: from one that stands still, or is gone. */

import type { Volume } from "../../cas/front/volume.ts";
import { checkpoint, flush, write } from "./client_actions.ts";
import { crash, damage, isShown, resume } from "./hazards.ts";
import { Content, VolumeModel } from "./model.ts";
import { codeOf, messageOf, type Run } from "./run.ts";
import { Place } from "./simulated_place.ts";
import { Violation } from "./world.ts";

/** Twice as long as a server takes to notice that it was superseded. */
const NOTICE_MS = 10_000;
const STEPS_MAX = 100;
const VOLUMES_MAX = 6;
const STATES = "bcdefghijklmnopqrstuvwxy";

/** While the first server lives the second is refused; once it stands still it is superseded for good. */
export async function takeOver(run: Run): Promise<void> {
  const { world, server: old } = run;
  if (run.troubled || run.pendingChanges.length > 0) return;
  world.note("take over");
  if (world.chance(0.3)) return await refused(run);
  if (run.hold) return;
  for (let left = world.below(4); left > 0; left--) {
    for (const volume of run.open()) write(run, volume);
  }
  const oldDisks = run.open().map((volume) => run.disk(volume));
  const created = world.chance(0.5) ? await askForChange(run) : undefined;
  if (created === undefined && world.chance(0.5)) checkpoint(run);
  if (world.chance(0.5)) await untilRootIsOnItsWay(run);
  else await world.steps(world.below(25));
  old.process.paused = true;
  run.forgetAsked();
  run.loss = "journal";
  run.place = newPlace(run);
  await run.start();
  await resume(run);
  if (created !== undefined) await createInstead(run, created);
  for (let left = world.below(3); left > 0; left--) {
    for (const volume of run.open()) write(run, volume);
  }
  if (world.chance(0.4)) checkpoint(run);
  await world.steps(world.below(40));
  if (world.chance(0.3)) await crash(run);
  world.note("the first server goes on");
  old.process.paused = false;
  for (let left = 0; left < 5; left++) {
    for (const disk of oldDisks) {
      readSuperseded(run, disk);
      disk.write({ lba: 0, sectorCount: 1 }, new Uint8Array(512), 0);
    }
    await world.pass(world.below(NOTICE_MS / 4));
  }
  // What it had on its way is there now: does the journal still fit?
  if (world.chance(0.3)) await crash(run);
  await world.pass(NOTICE_MS);
  if (!old.lost) {
    throw new Violation("A superseded server has not noticed it");
  }
  old.process.kill();
}

/** What is on its way when the server stands still; the name, if it is a new volume. */
async function askForChange(run: Run): Promise<string | undefined> {
  const { world, server } = run;
  const closed = run.shown().filter((volume) =>
    !server.disks.has(volume.name) && !run.contested.has(volume.name)
  );
  if (closed.length === 0 && run.volumes.length >= VOLUMES_MAX) {
    return undefined;
  }
  const name = `v${run.nextStamp()}`;
  const blockCount = 3 + world.below(24);
  const request = { volume: name, blockCount };
  if (closed.length > 0 || world.chance(0.5)) {
    if (closed.length === 0) {
      await run.settle(server.port.operate("volume create", request), name);
      closed.push(addVolume(run, name, blockCount));
    }
    await askToShow(run, world.oneOf(closed));
    await untilRootIsOnItsWay(run);
    return undefined;
  }
  server.port.operate("volume create", request).catch(() => {});
  run.pendingChanges.push({
    what: `the making of ${name}, which is on its way`,
    apply: () => void addVolume(run, name, blockCount),
    wasMade: (server) => isShown(server, name),
  });
  return name;
}

/** Retires a volume, and asks for it back under another name. */
async function askToShow(run: Run, volume: VolumeModel): Promise<void> {
  const { port } = run.server;
  const request = { volume: volume.name };
  const what = `retiring ${volume.name}`;
  try {
    await run.settle(port.operate("volume retire", request), what);
  } catch (error) {
    if (codeOf(error) === "InUse") return;
    throw error;
  }
  volume.retired = true;
  const name = `v${run.nextStamp()}`;
  port.operate("volume unretire", { ...request, name }).catch(() => {});
  run.pendingChanges.push({
    what: `bringing ${volume.name} back as ${name}, which is on its way`,
    apply: () => Object.assign(volume, { name, retired: false }),
    wasMade: (server) => isShown(server, name),
  });
}

/** Gives the name that the server before wanted to another volume, unless it has it. */
async function createInstead(run: Run, name: string): Promise<void> {
  if (run.volumes.some((volume) => volume.name === name)) return;
  run.contested.add(name);
  const blockCount = 30 + run.world.below(9);
  const request = { volume: name, blockCount };
  const what = `the making of another ${name}`;
  await run.settle(run.server.port.operate("volume create", request), what);
  addVolume(run, name, blockCount);
}

function addVolume(run: Run, name: string, blockCount: number): VolumeModel {
  const zeros = Array.from({ length: blockCount * 8 }, () => [0]);
  const volume = new VolumeModel(name, new Content(zeros));
  run.volumes.push(volume);
  return volume;
}

/** Another server may have written since: no read of a volume is answered any more. */
function readSuperseded(run: Run, disk: Volume): void {
  const range = { lba: 0, sectorCount: 1 };
  const into = new Uint8Array(512);
  function answered(): void {
    run.fail("A superseded server answered a read");
  }
  if (disk.readNow(range, into, 0)) answered();
  disk.read(range, into, 0).then(answered, () => {});
}

/** The worst moment: what was sent arrives when another server writes. */
async function untilRootIsOnItsWay(run: Run): Promise<void> {
  const { world, weather, server } = run;
  for (let left = STEPS_MAX; left > 0; left--) {
    if (weather.rootsOnTheirWay.has(server.process)) return;
    await world.steps(1);
  }
}

/** A machine is gone with its journal: what was flushed before is in the store. */
export async function loseMachine(run: Run): Promise<void> {
  const { world, server } = run;
  if (world.chance(0.7)) damage(run);
  for (const volume of run.open()) {
    for (let left = 3; left > 0; left--) write(run, volume);
    flush(run, volume);
  }
  await world.pass(world.below(4000));
  world.note("the machine is lost");
  run.forgetAsked();
  server.process.kill();
  run.space.hold = null;
  run.loss = "journal";
  run.place = newPlace(run);
  await run.start();
  await resume(run);
}

async function refused(run: Run): Promise<void> {
  const { world, place, server } = run;
  run.place = newPlace(run);
  const error = await run.tryStart();
  run.place = place;
  run.server = server;
  if (codeOf(error) !== "Held") {
    throw new Violation(
      `A server was not refused beside another: ${
        error === undefined ? "it started" : messageOf(error)
      }`,
    );
  }
  world.note("the second server was refused");
}

function newPlace(run: Run): Place {
  const letter = STATES[run.placeCount++ % STATES.length] as string;
  return new Place(run.world, letter, run.world.driver);
}
