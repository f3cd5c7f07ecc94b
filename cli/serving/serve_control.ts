/**
 * What commands may ask of a running server.
 *
 * @module
 */

import type { ControlHandler, ControlRequest } from "./control.ts";
import { isOperation, performOperation } from "./operation.ts";
import type { Interfaces } from "./interfaces.ts";
import type { SnapshotScheduler } from "./snapshot_scheduler.ts";
import type { ServedTargets } from "./served_targets.ts";
import type { ServingArchive } from "./serving_archive.ts";
import { describeStatus } from "./server_status.ts";
import { parseVolumeSize } from "../output/size.ts";
import { parseTargetOption } from "../options/target_option.ts";

/** What requests are answered from. */
export interface ServedThings {
  /** URL of the store. */
  readonly store: string;
  /** The archive. */
  readonly archive: ServingArchive;
  /** The targets. */
  readonly targets: ServedTargets;
  /** The interfaces. */
  readonly interfaces: Interfaces;
  /** Snapshots by the clock. */
  readonly scheduler: SnapshotScheduler;
}

type Answer = (things: ServedThings, request: ControlRequest) => unknown;

const ANSWERS: Readonly<Record<string, Answer>> = {
  "status": async ({ store, archive, scheduler }) => ({
    ...await describeStatus(store, archive),
    schedules: scheduler.status(),
    scrub: await archive.port.operate("scrub status", {}),
  }),
  "target list": ({ targets }) => targets.list(),
  "target add": async ({ targets, interfaces }, { target, create }) => {
    const option = parseTargetOption(String(target));
    const added = await targets.add(option, create === true);
    targets.announce(added, interfaces.open);
    return added;
  },
  "target remove": ({ targets }, { target }) => targets.remove(String(target)),
  "target clear": ({ targets }, { target, ...what }) =>
    targets.clear(String(target), {
      reservation: what.reservation === true,
      mask: what.mask === true,
      configString: what.configString === true,
    }),
  "target grow": ({ targets }, { target, size }) =>
    targets.grow(
      String(target),
      typeof size === "string" ? parseVolumeSize(size) : undefined,
    ),
};

/** Answers requests about what is served. */
export function controlHandler(things: ServedThings): ControlHandler {
  return async (request) => {
    const { verb, ...rest } = request;
    if (isOperation(verb)) {
      // The command and the server have their types from the same list.
      const result = await performOperation(
        things.archive,
        verb,
        rest as never,
      );
      if (verb === "volume grow") things.targets.advertise();
      return result;
    }
    const answer = Object.hasOwn(ANSWERS, verb) ? ANSWERS[verb] : undefined;
    if (answer === undefined) {
      throw new TypeError(
        `The server does not know the request "${verb}": it may be older than the command`,
      );
    }
    return await answer(things, request);
  };
}
