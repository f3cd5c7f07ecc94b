/** A second server takes the archive over from one that stands still. */

import type { Volume } from "../../cas/front/volume.ts";
import { checkpoint, write } from "./client_actions.ts";
import { crash, resume } from "./hazards.ts";
import { codeOf, messageOf, type Run } from "./run.ts";
import { Place } from "./simulated_place.ts";
import { Violation } from "./world.ts";

/** Twice as long as a server takes to notice that it was superseded. */
const NOTICE_MS = 10_000;
const STEPS_MAX = 100;
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
  if (world.chance(0.5)) checkpoint(run);
  if (world.chance(0.5)) await untilRootIsOnItsWay(run);
  else await world.steps(world.below(25));
  old.process.paused = true;
  run.forgetAsked();
  run.loss = "journal";
  run.place = newPlace(run);
  await run.start();
  await resume(run);
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
