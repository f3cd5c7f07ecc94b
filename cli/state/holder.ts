/**
 * Who holds an archive: what a server writes into its claim, and how a command
 * finds that server by it.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import {
  type ClaimDescription,
  type ClaimHolder,
  readNewestClaim,
} from "../../cas/engine/claim_record.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import { Retry } from "../../cas/engine/retry.ts";
import { createWasmHasher } from "../../cas/score.ts";
import { randomBytes } from "../archive/random_bytes.ts";

/** What this process tells of itself. */
export function thisHolder(controlPath: string | undefined): ClaimHolder {
  return {
    host: hostName(),
    pid: Deno.pid,
    ...(controlPath === undefined ? {} : { control: controlPath }),
  };
}

/** The newest claim in a store; undefined when there never was one. */
export async function newestClaim(
  store: BlobStore,
): Promise<ClaimDescription | undefined> {
  const signal = new AbortController().signal;
  const onEvent = (): void => {};
  return await readNewestClaim({
    store,
    hasher: await createWasmHasher(),
    clock: systemClock,
    random: randomBytes,
    onEvent,
    retry: new Retry({ clock: systemClock, onEvent, signal }),
  });
}

/** The control socket that a claim names, if it is one on this machine. */
export function controlPathOf(
  claim: ClaimDescription | undefined,
): string | undefined {
  const holder = claim?.holder;
  if (holder === undefined || holder.host !== hostName()) return undefined;
  return typeof holder.control === "string" ? holder.control : undefined;
}

/** A claim's holder in words. */
export function describeHolder(claim: ClaimDescription | undefined): string {
  const { host, pid } = claim?.holder ?? {};
  const since = claim?.timeMs === undefined
    ? ""
    : ` since ${new Date(claim.timeMs).toISOString()}`;
  return host === undefined
    ? "another server"
    : `the server with pid ${pid} on ${host}${since}`;
}

/** This machine's name, or "unknown" where it may not be asked for: nobody is asked for a permission. */
export function hostName(): string {
  const { state } = Deno.permissions.querySync({
    name: "sys",
    kind: "hostname",
  });
  return state === "granted" ? Deno.hostname() : "unknown";
}
