/**
 * What `diff` says.
 *
 * @module
 */

import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import type {
  DifferentSectors,
  DiffPage,
  StateReference,
} from "../../cas/volume_states.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import type { Output } from "../output/output.ts";
import { formatSize } from "../output/size.ts";

const SECTOR_SIZE = 512;

/** Ranges asked for at once: far below the longest answer of a server. */
const PAGE_COUNT = 10_000;

/** Shows the sectors that differ between two states; the exit status. */
export async function showDiff(
  archive: ArchiveChoice,
  states: { readonly from: StateReference; readonly to: StateReference },
  output: Output,
): Promise<number> {
  return await readArchive(archive, output, async (it) => {
    // From here on both are fixed, however the volumes change meanwhile.
    const from = await it.operate("state", { state: states.from });
    const to = await it.operate("state", { state: states.to });
    const roots = { from: { root: from.rootHash }, to: { root: to.rootHash } };
    let sectorCount = 0;
    let damagedCount = 0;
    for await (const range of differences(it, roots)) {
      sectorCount += range.sectorCount;
      if (range.damaged) damagedCount += range.sectorCount;
      output.line(describeRange(range));
      output.result(range);
    }
    if (from.blockCount !== to.blockCount) {
      const [fromSize, toSize] = [from, to].map(({ blockCount }) =>
        formatSize(blockCount * BLOCK_SIZE)
      );
      output.line(
        `The size was ${fromSize} and is ${toSize}; what one of them lacks counts as zeros`,
      );
    }
    const bytes = formatSize(sectorCount * SECTOR_SIZE);
    output.line(
      sectorCount === 0 ? "No sector differs" : `${bytes} may differ`,
    );
    output.result({ from, to, sectorCount, damagedCount });
    return damagedCount > 0 ? ExitStatus.Damaged : ExitStatus.Done;
  });
}

async function* differences(
  archive: ArchiveOperator,
  states: { readonly from: StateReference; readonly to: StateReference },
): AsyncGenerator<DifferentSectors, void, void> {
  let from: { fromBlock?: number } = {};
  for (;;) {
    const page: DiffPage = await archive.operate("diff", {
      ...states,
      countMax: PAGE_COUNT,
      ...from,
    });
    yield* page.ranges;
    if (page.nextBlock === undefined) return;
    from = { fromBlock: page.nextBlock };
  }
}

function describeRange(range: DifferentSectors): string {
  const { lba, sectorCount, damaged } = range;
  const size = formatSize(sectorCount * SECTOR_SIZE);
  const why = damaged ? ", hidden by damage" : "";
  return `sectors ${lba} to ${lba + sectorCount - 1} (${size}${why})`;
}
