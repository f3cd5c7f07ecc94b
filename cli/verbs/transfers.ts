/**
 * What `import`, `export` and `estimate` do and say.
 *
 * @module
 */

import type {
  ArchiveOperator,
  StateReference,
} from "../../cas/archive_operations.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import type { EventSink } from "../../cas/events.ts";
import { estimateImage } from "../../cas/transfer/image_estimate.ts";
import { importImage } from "../../cas/transfer/image_import.ts";
import { exportState } from "../../cas/transfer/state_export.ts";
import type { TransferContext } from "../../cas/transfer/transfer_context.ts";
import {
  type ChangedArchive,
  readArchive,
  writeArchive,
} from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { openImageFile, useOfImage } from "./image_file.ts";
import { openImageOutput, pipeOutput } from "./image_output.ts";
import { chooseCodec } from "../archive/native_codec.ts";
import type { Output } from "../output/output.ts";
import { standardProgress } from "../output/progress.ts";
import { formatSize } from "../output/size.ts";
import { openLayeredStore } from "../archive/store_opening.ts";
import { UsageError } from "../usage_error.ts";

/** Imports an image into a volume. */
export async function importFile(
  archive: ChangedArchive,
  { path, volume }: { readonly path: string; readonly volume: string },
  output: Output,
): Promise<void> {
  refuseMemory(archive);
  using image = openImageFile(path);
  const use = useOfImage(path);
  if (use !== undefined) {
    output.event({ event: "image-in-use", severity: "strange", message: use });
  }
  const progress = standardProgress(`Importing ${path}`, output);
  const result = await writeArchive(
    archive,
    progress.output,
    (operator) =>
      withTransfer(
        archive,
        operator,
        progress.output.event,
        (context) =>
          importImage(image, volume, context, (it) => progress.update(it)),
      ),
  ).finally(() => progress.clear());
  const { state, blocksNew, blocksDuplicate, blocksZero } = result;
  output.line(
    `Volume ${state.volume} (${
      formatSize(state.blockCount * BLOCK_SIZE)
    }), root ${state.rootHash}: ${sizeOfBlocks(blocksNew)} new in ${
      formatSize(result.packBytes)
    } of packs, ${sizeOfBlocks(blocksDuplicate)} known, ${
      sizeOfBlocks(blocksZero)
    } zeros`,
  );
  const { packBytes, packCount } = result;
  output.result({
    ...state,
    blocksNew,
    blocksDuplicate,
    blocksZero,
    packBytes,
    packCount,
  });
}

/** Where a state is exported to. */
export interface ExportTarget {
  /** A path, or `-` for stdout. */
  readonly path: string;
  /** Replace what is there. */
  readonly overwrite: boolean;
}

/** Exports a state as a raw image. */
export async function exportImage(
  archive: ArchiveChoice,
  state: StateReference,
  { path, overwrite }: ExportTarget,
  output: Output,
): Promise<void> {
  const toPipe = path === "-";
  if (toPipe && output.json) {
    throw new UsageError(
      "stdout takes the image: leave out --json, or export to a file",
    );
  }
  const label = toPipe ? "Exporting" : `Exporting ${path}`;
  const progress = standardProgress(label, output);
  const done = await readArchive(archive, progress.output, async (operator) => {
    const found = await operator.operate("state", { state });
    const { rootHash, blockCount } = found;
    const byteCount = blockCount * BLOCK_SIZE;
    using file = toPipe
      ? undefined
      : openImageOutput({ path, rootHash, byteCount, overwrite });
    const sink = file ?? pipeOutput(Deno.stdout);
    const result = await withTransfer(
      archive,
      operator,
      progress.output.event,
      (context) =>
        exportState(rootHash, sink, context, (it) => progress.update(it)),
    );
    return { ...result, rootHash, volume: found.volume };
  }).finally(() => progress.clear());
  const { rootHash, volume, byteCount, blocksWritten, blocksKept } = done;
  if (!toPipe) {
    const kept = blocksKept === 0
      ? ""
      : `, ${sizeOfBlocks(blocksKept)} were there`;
    output.line(
      `${path}: ${
        formatSize(byteCount)
      } of volume ${volume}, root ${rootHash}: ${
        sizeOfBlocks(blocksWritten)
      } written${kept}`,
    );
  }
  output.result(done);
}

/** Tells what an image would cost. */
export async function estimateFile(
  archive: ArchiveChoice,
  path: string,
  output: Output,
): Promise<void> {
  using image = openImageFile(path);
  const progress = standardProgress(`Reading ${path}`, output);
  const estimate = await readArchive(
    archive,
    progress.output,
    (operator) =>
      withTransfer(
        archive,
        operator,
        progress.output.event,
        (context) => estimateImage(image, context, (it) => progress.update(it)),
      ),
  ).finally(() => progress.clear());
  const { blockCount, blocksZero, blocksStored, blocksMissing } = estimate;
  const about = estimate.estimated ? "about " : "";
  output.line(
    `${sizeOfBlocks(blockCount)} of image: ${sizeOfBlocks(blocksZero)} zeros, ${
      sizeOfBlocks(blocksStored)
    } in the archive already`,
  );
  output.line(
    `${sizeOfBlocks(blocksMissing)} are not, ${about}${
      sizeOfBlocks(estimate.blocksNew)
    } of them distinct: ${about}${
      formatSize(Math.round(estimate.storedBytes))
    } compressed`,
  );
  output.result(estimate);
}

/** Runs a body with the store and codec that a transfer needs beside the archive. */
export async function withTransfer<Result>(
  choice: ArchiveChoice,
  archive: ArchiveOperator,
  onEvent: EventSink,
  body: (context: TransferContext) => Promise<Result>,
): Promise<Result> {
  const codec = await chooseCodec();
  try {
    // The packs of a transfer are tried again for ever, as an archive's are.
    const store = await openLayeredStore(choice, { forArchive: true, onEvent });
    try {
      const { hasher, lz4 } = codec;
      const { sleep } = systemClock;
      return await body({ archive, store, hasher, lz4, onEvent, sleep });
    } finally {
      await store.close();
    }
  } finally {
    codec.close();
  }
}

/** What is stored in memory ends with the command. */
function refuseMemory({ store }: ArchiveChoice): void {
  if (!store.startsWith("memory:")) return;
  throw new UsageError(
    "An archive in memory ends with this command: name a store that stays, such as --store file:./archive",
  );
}

function sizeOfBlocks(count: number): string {
  return formatSize(Math.round(count) * BLOCK_SIZE);
}
