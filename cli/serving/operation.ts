/**
 * Operations on an open archive that also takes writes: what reads a present
 * state first brings the acknowledged writes into the archive.
 *
 * @module
 */

import {
  OPERATION_NAMES,
  type OperationName,
  type OperationRequest,
  type OperationResult,
} from "../../cas/archive_operations.ts";
import type { StateReference } from "../../cas/volume_states.ts";
import type { ServingArchive } from "./serving_archive.ts";
import { isHead } from "../options/state_reference.ts";

/** What operations need of an archive. */
export type ArchiveUse = Pick<ServingArchive, "front" | "port">;

/** True for the name of an operation. */
export function isOperation(name: string): name is OperationName {
  return (OPERATION_NAMES as readonly string[]).includes(name);
}

/** Carries out an operation. Rejects with an `ArchiveError`. */
export async function performOperation<Name extends OperationName>(
  { front, port }: ArchiveUse,
  name: Name,
  request: OperationRequest<Name>,
): Promise<OperationResult<Name>> {
  if (name === "snapshot create") {
    const { state, name } = request as OperationRequest<"snapshot create">;
    // The moment of the snapshot is that of the call, not of a checkpoint.
    if (isHead(state)) return await front.snapshot(state.volume, name);
  }
  if (readsHead(name, request)) await front.checkpoint();
  const result = await port.operate(name, request);
  if (name === "volume grow") {
    const { volume, blockCount } = result as OperationResult<"volume grow">;
    front.grown(volume, blockCount);
  }
  return result;
}

function readsHead(name: OperationName, request: unknown): boolean {
  if (name === "history" || name === "stats") return true;
  if (name !== "clone" && name !== "state" && name !== "diff") return false;
  const { source, state, from, to } = request as Readonly<
    Record<string, StateReference | undefined>
  >;
  return [source, state, from, to].some((it) => it !== undefined && isHead(it));
}
