/**
 * What stands between a command and an archive: which one, and how it is asked
 * when it is open in this process.
 *
 * @module
 */

import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import type { ArchiveChoice } from "../command.ts";

/** Which archive to change. */
export interface ChangedArchive extends ArchiveChoice {
  /** Make it if it is missing. */
  readonly create?: boolean;
}

/** An archive that is open in this process. */
export interface ArchiveHere extends ArchiveOperator {
  /** Ends its use. */
  close(): Promise<void>;
}
