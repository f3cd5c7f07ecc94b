/**
 * What `copy` does and says.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import type { EngineContext } from "../../cas/engine/context.ts";
import { Retry } from "../../cas/engine/retry.ts";
import type { EventSink } from "../../cas/events.ts";
import {
  copyArchive,
  type CopyResult,
} from "../../cas/transfer/archive_copy.ts";
import type { ArchiveChoice } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { thisHolder } from "../state/holder.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { randomBytes } from "../archive/random_bytes.ts";
import { formatSize } from "../output/size.ts";
import { openLayeredStore } from "../archive/store_opening.ts";
import { makeTransfer } from "./transfer.ts";

/** What to copy, and where to. */
export interface CopyChoice {
  /** URL of the destination. */
  readonly to: string;
  /** A volume's name; all of the archive when absent. */
  readonly volume?: string;
  /** Make an archive at the destination if there is none. */
  readonly create: boolean;
}

/** Copies a volume or all of an archive to another store; the exit status. */
export async function copyToStore(
  archive: ArchiveChoice,
  { to, volume, create }: CopyChoice,
  output: Output,
): Promise<number> {
  const closing = new AbortController();
  // The URL of the destination may have secrets: its store shows itself without.
  const label = `Copying ${volume ?? "all volumes"}`;
  const { result, display } = await makeTransfer(
    { archive, access: "read", label, output },
    async (context, progress) => {
      const { archive: operator, hasher, onEvent } = context;
      const { signal } = closing;
      const surroundings = (store: BlobStore): EngineContext =>
        engineContext({ store, hasher, onEvent, signal });
      const volumes = await operator.operate("volume list", {});
      // A server brings what it has acknowledged into the archive for this.
      const newest = volume ?? volumes[0]?.volume;
      const state = newest === undefined
        ? undefined
        : await operator.operate("state", { state: { volume: newest } });
      const store = await openLayeredStore({ ...archive, store: to }, {
        create,
        forArchive: true,
        onEvent,
      });
      try {
        const result = await copyArchive({
          from: { ...context, engine: surroundings(context.store) },
          to: surroundings(store),
          create,
          ...(volume === undefined || state === undefined
            ? {}
            : { volumeId: state.volumeId }),
          holder: thisHolder(undefined),
          progress,
        });
        return { result, display: store.display };
      } finally {
        await store.close();
      }
    },
  ).finally(() => closing.abort());
  for (const line of conflictLines(result)) output.line(line);
  output.line(describe(result, display));
  output.result(result);
  return result.nameConflicts.length === 0
    ? ExitStatus.Done
    : ExitStatus.Failed;
}

function conflictLines({ nameConflicts }: CopyResult): string[] {
  return nameConflicts.map(({ volume, name, reason }) =>
    `CONFLICT snapshot "${name}" of volume "${volume}": ${reason}. Nothing was overwritten; to have the state here named there too, type: snapshot create ${volume}@${name} NAME; snapshot retire ${volume} ${name}; and copy again`
  );
}

function describe(result: CopyResult, display: string): string {
  const { volumeCount, rootCount, nameCount, packCount, packBytes } = result;
  return `${display}: ${counted(volumeCount, "volume")} with ${
    counted(rootCount, "new state")
  } and ${counted(nameCount, "new name")}, ${counted(packCount, "pack")} (${
    formatSize(packBytes)
  }) copied, ${counted(result.packsPresent, "was", "were")} there`;
}

/** The surroundings of an engine that works on a store of its own, until the signal aborts. */
export function engineContext(
  { signal, ...rest }: Pick<EngineContext, "store" | "hasher"> & {
    readonly onEvent: EventSink;
    readonly signal: AbortSignal;
  },
): EngineContext {
  const clock = systemClock;
  return {
    ...rest,
    clock,
    random: randomBytes,
    retry: new Retry({ clock, onEvent: rest.onEvent, signal }),
  };
}
