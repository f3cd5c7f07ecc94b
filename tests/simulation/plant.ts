/** Where a test may put a part with a bug in place of a sound one. */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import type { Disk } from "../../cas/disk/disk.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import type { Process } from "./world.ts";

/** Wraps parts of every server that a run starts. */
export interface Plant {
  readonly journal?: (disk: Disk, process: Process) => Disk;
  readonly index?: (index: ScoreIndex) => ScoreIndex;
  readonly store?: (store: BlobStore, process: Process) => BlobStore;
  readonly port?: (port: OpenedArchive, process: Process) => OpenedArchive;
}
