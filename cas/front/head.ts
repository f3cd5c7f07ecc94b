/**
 * The writable head of a volume: what its disks, the journal and the
 * checkpoints share.
 *
 * @module
 */

import type { ViewDescription } from "../archive_port.ts";
import type { BlockView } from "./block_view.ts";
import type { Fetcher } from "./fetcher.ts";
import { JournalError, withoutJournalAdvice } from "./journal_errors.ts";
import type { OpenVolumeRecord } from "./journal_records.ts";
import type { Volume } from "./volume.ts";

/** One volume that can be written. */
export class Head {
  /** Short for the volume in the journal of this process. */
  readonly number: number;
  /** The volume as it was when this server opened it. */
  readonly opened: ViewDescription;
  /** Overlay and cache. */
  readonly view: BlockView;
  /** Brings what is not at hand. */
  readonly fetcher: Fetcher;
  /** The disks that show it. */
  readonly disks: Volume[] = [];
  /** Others that need it for a while. */
  useCount = 0;
  /** Counts who ever opened or used it. */
  userCount = 0;
  /** Sequence of the root on which new writes stand. */
  baseSequence: number;
  /** Who wrote that root. */
  baseWriterId: string;

  /** A head over an open view. */
  constructor(
    number: number,
    opened: ViewDescription,
    view: BlockView,
    fetcher: Fetcher,
  ) {
    this.number = number;
    this.opened = opened;
    this.view = view;
    this.fetcher = fetcher;
    this.baseSequence = opened.sequence;
    this.baseWriterId = opened.writerId;
  }

  /** The volume's name. */
  get name(): string {
    return this.opened.volume;
  }

  /** The volume's id, 32 hexadecimal digits. */
  get volumeId(): string {
    return this.opened.volumeId;
  }
}

/**
 * Throws a `JournalError` unless the journal's writes may be applied to the
 * volume as it is in the archive: all its roots since must be this server's
 * own, for those hold nothing that the journal does not know.
 */
export function checkStandsOn(
  record: OpenVolumeRecord,
  opened: ViewDescription,
  stateId: string,
  location: string,
): void {
  function refuse(what: string): never {
    throw new JournalError(
      "Overtaken",
      `Cannot replay the journal in ${location} into volume ${record.name}: ${what}. ${
        withoutJournalAdvice(location)
      }`,
    );
  }
  if (opened.volumeId !== record.volumeId) {
    refuse(
      `the archive has another volume of that name (${opened.volumeId}, not ${record.volumeId})`,
    );
  }
  if (opened.sequence < record.baseSequence) {
    refuse(
      `its newest root is ${opened.sequence}, older than root ${record.baseSequence} on which the writes stand: roots are missing from the archive`,
    );
  }
  const unchanged = opened.sequence === record.baseSequence &&
    opened.writerId === record.baseWriterId;
  if (!unchanged && opened.writerId !== stateId) {
    refuse(
      `the server with state ${opened.writerId} has written root ${opened.sequence} since root ${record.baseSequence}, on which the writes stand`,
    );
  }
}
