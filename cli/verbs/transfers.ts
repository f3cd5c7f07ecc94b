/**
 * What `import`, `export` and `estimate` do and say.
 *
 * @module
 */

import type { StateReference } from "../../cas/volume_states.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { estimateImage } from "../../cas/transfer/image_estimate.ts";
import { importImage } from "../../cas/transfer/image_import.ts";
import { exportState } from "../../cas/transfer/state_export.ts";
import type { ChangedArchive } from "../archive/archive_here.ts";
import type { ArchiveChoice } from "../command.ts";
import type { Output } from "../output/output.ts";
import { formatSize } from "../output/size.ts";
import { UsageError } from "../usage_error.ts";
import { openImageFile, useOfImage } from "./image_file.ts";
import { openImageOutput, pipeOutput } from "./image_output.ts";
import { makeTransfer } from "./transfer.ts";

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
  const result = await makeTransfer(
    { archive, access: "write", label: `Importing ${path}`, output },
    (context, progress) => importImage(image, volume, context, progress),
  );
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
  const done = await makeTransfer(
    { archive, access: "read", label, output },
    async (context, progress) => {
      const found = await context.archive.operate("state", { state });
      const { rootHash, blockCount, volume } = found;
      const byteCount = blockCount * BLOCK_SIZE;
      using file = toPipe
        ? undefined
        : openImageOutput({ path, rootHash, byteCount, overwrite });
      const sink = file ?? pipeOutput(Deno.stdout);
      const result = await exportState(rootHash, sink, context, progress);
      return { ...result, rootHash, volume };
    },
  );
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
  const estimate = await makeTransfer(
    { archive, access: "read", label: `Reading ${path}`, output },
    (context, progress) => estimateImage(image, context, progress),
  );
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
