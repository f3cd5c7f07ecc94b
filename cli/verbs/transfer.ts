/**
 * What all transfers have in common: they reach an archive, read its packs
 * beside it, and show how far they are.
 *
 * @module
 */

import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import type { EventSink } from "../../cas/events.ts";
import type {
  TransferContext,
  TransferProgress,
} from "../../cas/transfer/transfer_context.ts";
import { readArchive, writeArchive } from "../archive/archive_access.ts";
import type { ChangedArchive } from "../archive/archive_here.ts";
import { chooseCodec } from "../archive/native_codec.ts";
import { openLayeredStore } from "../archive/store_opening.ts";
import type { ArchiveChoice } from "../command.ts";
import type { Output } from "../output/output.ts";
import { standardProgress } from "../output/progress.ts";

/** A transfer to be made. */
export interface TransferRequest {
  /** The archive. */
  readonly archive: ChangedArchive;
  /** Whether the archive is changed by it. */
  readonly access: "read" | "write";
  /** What is done, such as "Importing disk.img". */
  readonly label: string;
  /** Where it is shown. */
  readonly output: Output;
}

/** Takes how far a transfer is. */
export type ProgressSink = (progress: TransferProgress) => void;

/** Makes a transfer, and shows how far it is. */
export async function makeTransfer<Result>(
  { archive, access, label, output }: TransferRequest,
  body: (context: TransferContext, progress: ProgressSink) => Promise<Result>,
): Promise<Result> {
  const progress = standardProgress(label, output);
  const open = access === "read" ? readArchive : writeArchive;
  try {
    return await open(
      archive,
      progress.output,
      (operator) =>
        withTransfer(
          archive,
          operator,
          progress.output.event,
          (context) => body(context, (it) => progress.update(it)),
        ),
    );
  } finally {
    progress.clear();
  }
}

/** Runs a body with the store and codec that a transfer needs beside the archive. */
async function withTransfer<Result>(
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
