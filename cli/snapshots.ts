/**
 * `snapshot create` and `snapshot list`: through the server that holds the
 * archive if one runs, on the archive itself otherwise.
 *
 * @module
 */

import type { SnapshotDescription } from "../cas/archive_port.ts";
import { BLOCK_SIZE, BlockPool } from "../cas/block_pool.ts";
import type { EventSink } from "../cas/events.ts";
import { openStore } from "../plugins/registry.ts";
import { openArchiveHere } from "./archive_opening.ts";
import { callControl, type ControlRequest } from "./control.ts";
import { controlPathOf, newestClaim, thisHolder } from "./holder.ts";
import type { ArchiveChoice } from "./command.ts";
import type { Output } from "./output.ts";
import { pluginRegistry } from "./plugin_registry.ts";
import { openServingArchive } from "./serving_archive.ts";
import { formatSize } from "./size.ts";

/** Names the present state of a volume. */
export async function createSnapshot(
  options: ArchiveChoice,
  snapshot: { readonly volume: string; readonly name: string },
  output: Output,
): Promise<void> {
  const request = { verb: "snapshot create", ...snapshot };
  const asked = await askServer(options, request);
  const made = asked === undefined
    ? await createOffline(options, snapshot, output)
    : asked.result as SnapshotDescription;
  output.line(
    `Snapshot ${made.volume}@${made.name}, root ${made.rootHash}`,
  );
  output.result(made);
}

/** Lists snapshots, oldest first. */
export async function listSnapshots(
  options: ArchiveChoice,
  volume: string | undefined,
  output: Output,
): Promise<void> {
  const request = {
    verb: "snapshot list",
    ...(volume === undefined ? {} : { volume }),
  };
  const asked = await askServer(options, request);
  const snapshots = asked === undefined
    ? await listOffline(options, volume, output)
    : asked.result as SnapshotDescription[];
  for (const line of table(snapshots)) output.line(line);
  for (const snapshot of snapshots) output.result(snapshot);
}

/** The answer of the server that holds the archive; undefined when none does. */
async function askServer(
  { store: storeUrl, plugins }: ArchiveChoice,
  request: ControlRequest,
): Promise<{ readonly result: unknown } | undefined> {
  const store = await openStore(storeUrl, {
    registry: pluginRegistry(plugins),
  });
  try {
    const path = controlPathOf(await newestClaim(store));
    return path === undefined ? undefined : await callControl(path, request);
  } finally {
    await store.close();
  }
}

/** With the journal of a server that ended, if it left one. */
async function createOffline(
  options: ArchiveChoice,
  { volume, name }: { readonly volume: string; readonly name: string },
  output: Output,
): Promise<SnapshotDescription> {
  const archive = await openServingArchive({
    storeUrl: options.store,
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.plugins === undefined ? {} : { plugins: options.plugins }),
    create: false,
    openPort: openArchiveHere,
    access: "write",
    onEvent: talk(output),
  });
  try {
    return await archive.front.snapshot(volume, name);
  } finally {
    await archive.close();
  }
}

/** Without a claim: nothing is written. */
async function listOffline(
  options: ArchiveChoice,
  volume: string | undefined,
  output: Output,
): Promise<SnapshotDescription[]> {
  const archive = await openArchiveHere(
    {
      storeUrl: options.store,
      ...(options.plugins === undefined ? {} : { plugins: options.plugins }),
      create: false,
      access: "read",
      stateId: "0".repeat(32),
      holder: thisHolder(undefined),
    },
    BlockPool.allocate(1),
    talk(output),
  );
  try {
    return await archive.listSnapshots(volume);
  } finally {
    await archive.close();
  }
}

/** A command's result is its output: of events, only bad news is worth a line. */
function talk(output: Output): EventSink {
  return (event) => {
    if (event.severity !== "info") output.event(event);
  };
}

function table(snapshots: readonly SnapshotDescription[]): string[] {
  const rows = snapshots.map((snapshot) => [
    snapshot.volume,
    snapshot.name,
    new Date(snapshot.timeMs).toISOString(),
    formatSize(snapshot.blockCount * BLOCK_SIZE),
    snapshot.rootHash,
  ]);
  const all = [["VOLUME", "SNAPSHOT", "TIME", "SIZE", "ROOT"], ...rows];
  const widths = all[0]!.map((_, column) =>
    Math.max(...all.map((row) => row[column]!.length))
  );
  return all.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  );
}
