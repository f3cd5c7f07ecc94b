/** A front whose archive takes nothing, and what becomes of writes meanwhile. */

import { type Shortage } from "../../../cas/archive_port.ts";
import type { Volume } from "../../../cas/front/volume.ts";
import {
  openDisk,
  openRig,
  quiet,
  type Rig,
  type RigOptions,
} from "./fixtures.ts";
import { History } from "./history.ts";

/** A store that is full. */
export const FULL: Shortage = {
  of: "store",
  message: "No space left. Free some",
};
/** Below it writes are not refused, above it they are. */
export const GRACE_MS = 5000;

/** A front whose store takes nothing until `open`. */
export async function stuckRig(budget: RigOptions["budget"] = {}): Promise<
  {
    rig: Rig;
    volume: Volume;
    history: History;
    open: () => void;
    confirm: () => void;
  }
> {
  const gate = Promise.withResolvers<void>();
  const claim = Promise.withResolvers<void>();
  const rig = await openRig({
    slots: 80,
    budget,
    port: {
      pause: (where) =>
        where === "checkpoint"
          ? gate.promise
          : where === "confirm"
          ? claim.promise
          : quiet(),
    },
  });
  const volume = await openDisk(rig);
  const history = new History(volume);
  const { resolve: open } = gate;
  return { rig, volume, history, open, confirm: claim.resolve };
}

/** Writes until there is no room; the block that found none. */
export async function fill({ clock }: Rig, history: History): Promise<number> {
  let block = 0;
  for (; history.write(block * 8, 1); block++) await clock.advance(50);
  return block;
}

/** Watches how a wait for room goes. */
export function watch(room: Promise<void>): { state: string } {
  const seen = { state: "waiting" };
  room.then(
    () => void (seen.state = "room"),
    (error: Error) => void (seen.state = error.message),
  );
  return seen;
}

/** The names of what was told. */
export function eventsOf({ events }: Rig): string[] {
  return events.map(({ event }) => event);
}
