/**
 * Requests that only a running server can carry out.
 *
 * @module
 */

import { shownUrl } from "../../blobstores/shown_url.ts";
import type { ArchiveChoice } from "../command.ts";
import {
  callControl,
  ControlError,
  type ControlRequest,
  controlSocketPath,
} from "../serving/control.ts";
import { controlPathOf, newestClaim } from "../state/holder.ts";
import { stateIdOf } from "../state/state_folder.ts";
import { openLayeredStore } from "../archive/store_opening.ts";
import { UsageError } from "../usage_error.ts";

/** Which server: the one with this archive or, if named, this state folder. */
export type ServerChoice = Partial<ArchiveChoice>;

/** Asks the running server. Throws a `ControlError` when none runs, with the code `NoServer`, or when it refuses. */
export async function askRunningServer(
  choice: ServerChoice,
  request: ControlRequest,
): Promise<unknown> {
  const path = await controlPath(choice);
  const answer = path === undefined
    ? undefined
    : await callControl(path, request);
  if (answer !== undefined) return answer.result;
  throw new ControlError(
    `No server answers for ${
      choice.state ?? shownUrl(choice.store ?? "")
    }: start one with serve, or name its state folder with --state DIR`,
    "NoServer",
  );
}

async function controlPath(
  { store, state, ...choice }: ServerChoice,
): Promise<string | undefined> {
  if (state !== undefined) {
    const stateId = stateIdOf(state);
    return stateId && controlSocketPath(absolute(state), stateId);
  }
  if (store === undefined) {
    throw new UsageError(
      "Which server? Add --store URL, or --state DIR if it has no store",
    );
  }
  const opened = await openLayeredStore(
    { ...choice, store },
    { readOnly: true, forArchive: true },
  );
  try {
    return controlPathOf(await newestClaim(opened));
  } finally {
    await opened.close();
  }
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}
