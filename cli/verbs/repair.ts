/**
 * What `repair` does and says.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { EngineContext } from "../../cas/engine/context.ts";
import { repairArchive } from "../../cas/engine/repair.ts";
import type { RepairResult } from "../../cas/engine/repair_result.ts";
import { readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { engineContext } from "./copy.ts";
import { ExitStatus } from "../exit_status.ts";
import { thisHolder } from "../state/holder.ts";
import { chooseCodec, type CodecChoice } from "../archive/native_codec.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { standardProgress } from "../output/progress.ts";
import { formatSize } from "../output/size.ts";
import { openLayeredStore } from "../archive/store_opening.ts";

/** What to repair from, and how. */
export interface RepairChoice {
  /** URLs of copies, the best first. */
  readonly from: readonly string[];
  /** Only what the listings and the last scrub show. */
  readonly quick: boolean;
}

/** Repairs an archive from copies; the exit status. */
export async function repairFromCopies(
  archive: ArchiveChoice,
  { from, quick }: RepairChoice,
  output: Output,
): Promise<number> {
  const suspects = quick ? await scrubbedKeys(archive, output) : undefined;
  const progress = standardProgress("Repairing", output);
  const { event: onEvent } = progress.output;
  const closing = new AbortController();
  const { signal } = closing;
  await using stack = new AsyncDisposableStack();
  stack.defer(() => progress.clear());
  stack.defer(() => closing.abort());
  const codec: CodecChoice = await chooseCodec();
  stack.defer(() => codec.close());
  const { hasher, lz4 } = codec;
  async function surroundings(
    url: string,
    readOnly: boolean,
  ): Promise<EngineContext> {
    const choice = { ...archive, store: url };
    const store: BlobStore = await openLayeredStore(choice, {
      readOnly,
      onEvent,
    });
    stack.defer(() => store.close());
    return engineContext({ store, hasher, onEvent, signal });
  }
  const copies: EngineContext[] = [];
  for (const url of from) copies.push(await surroundings(url, true));
  const here = await surroundings(archive.store, false);
  const result = await repairArchive({
    here,
    copies,
    lz4,
    ...(suspects === undefined ? {} : { suspects }),
    holder: thisHolder(undefined),
    progress: (bytesDone, bytesTotal) =>
      progress.update({ bytesDone, bytesTotal }),
  });
  progress.clear();
  for (const line of linesOf(result)) output.line(line);
  output.result(forPrograms(result));
  if (result.stopped !== undefined) throw result.stopped;
  return result.unmended.length === 0 ? ExitStatus.Done : ExitStatus.Damaged;
}

/** What the last scrub, or the one under way, found. */
async function scrubbedKeys(
  archive: ArchiveChoice,
  output: Output,
): Promise<ReadonlySet<string>> {
  const { current, last } = await readArchive(
    archive,
    output,
    (it) => it.operate("scrub status", {}),
  );
  const faults = [...current?.faults ?? [], ...last?.faults ?? []];
  return new Set(faults.map(({ key }) => key));
}

/** The reason that it ended early follows as an error, here as in other commands. */
function forPrograms(
  { stopped, ...result }: RepairResult,
): Omit<RepairResult, "stopped"> & { readonly endedEarly: boolean } {
  return { ...result, endedEarly: stopped !== undefined };
}

function linesOf(
  { verifiedCount, mended, unmended, stopped }: RepairResult,
): string[] {
  const bytes = mended.reduce((sum, { byteCount }) => sum + byteCount, 0);
  return [
    ...mended.map(({ key, reason }) => `Mended ${key}: ${reason}`),
    ...unmended.map(({ key, reason }) => `NOT MENDED ${key}: ${reason}`),
    `${stopped === undefined ? "" : "ENDED EARLY: "}${
      counted(verifiedCount, "blob")
    } verified, ${mended.length} mended (${
      formatSize(bytes)
    }), ${unmended.length} not`,
  ];
}
