/** Something is full, or away, for so long that clients find no room any more. */

import type { Volume } from "../../cas/front/volume.ts";
import { read, write } from "./client_actions.ts";
import type { Run } from "./run.ts";
import { Violation } from "./world.ts";

/** By then writes are refused where something is full: the grace, and what holds replies back. */
const REFUSED_MS = 240_000;
/** By then they are taken again. */
const TAKEN_MS = 60_000;
const TURN_MS = 1000;
const WRITES_PER_TURN = 8;

type Trouble =
  | "the store is full"
  | "the store is away"
  | "the journal is full";
const TROUBLES: readonly Trouble[] = [
  "the store is full",
  "the store is away",
  "the journal is full",
];

/** Clients write until they are refused, or wait; then all is well again. */
export async function fillUp(run: Run): Promise<void> {
  const { world } = run;
  // What cannot be archived for another reason makes no room, either.
  if (run.open().length === 0 || run.damage.any) return;
  run.calm();
  if (run.server.front.usage.refusal !== undefined) {
    await resume(run, "what was full before has room");
  }
  const trouble = world.oneOf(TROUBLES);
  world.note(`from now on ${trouble}`);
  begin(run, trouble);
  const isRefused = await writeOn(run, trouble);
  if (isRefused === (trouble === "the store is away")) {
    throw new Violation(
      isRefused
        ? `Writes are refused while ${trouble}`
        : `Writes wait for ever while ${trouble}`,
    );
  }
  if (isRefused) run.refusalCount++;
  read(run, world.oneOf(run.open()));
  run.calm();
  await resume(run, `it is over that ${trouble}`);
}

function begin({ weather, place }: Run, trouble: Trouble): void {
  if (trouble === "the store is full") weather.full = true;
  else if (trouble === "the store is away") weather.away = true;
  else place.journal.full = true;
}

/** Writes until it is refused; false if it is not. */
async function writeOn(run: Run, trouble: Trouble): Promise<boolean> {
  const { world } = run;
  // An outage is ridden out far longer than a grace.
  const share = trouble === "the store is away" ? 0.2 : 1;
  const untilMs = world.nowMs + REFUSED_MS * share;
  while (world.nowMs < untilMs) {
    if (run.server.front.usage.refusal !== undefined) return true;
    for (let left = WRITES_PER_TURN; left > 0; left--) {
      const volume = world.oneOf(run.open());
      if (write(run, volume) > 0) continue;
      watch(run.disk(volume));
      break;
    }
    await world.pass(TURN_MS);
  }
  return false;
}

/** A client that has to wait asks for room, as a target does. */
function watch(disk: Volume): void {
  disk.writable().catch(() => {});
}

async function resume(run: Run, since: string): Promise<void> {
  const { world } = run;
  const untilMs = world.nowMs + TAKEN_MS;
  while (world.nowMs < untilMs) {
    await world.pass(TURN_MS);
    run.throwIfFailed();
    const { refusal } = run.server.front.usage;
    const volume = world.oneOf(run.open());
    if (write(run, volume) > 0 && refusal === undefined) return;
  }
  throw new Violation(
    `Writes are not taken again within ${TAKEN_MS} ms, though ${since}`,
  );
}
