/**
 * A volume, or all of an archive, into another store, with the whole history:
 * packs first, then the roots from the oldest on, then the names. All blobs are
 * copied as they are, so root hashes stay the same; the destination is an
 * archive of its own, with its own id and claims.
 *
 * What the destination has is not copied again: a copy that was interrupted
 * goes on when it is started again, and one that is repeated brings what is new.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import { createBlob, readBlob } from "../engine/blobs.ts";
import type { Claim } from "../engine/claim.ts";
import type { ClaimHolder } from "../engine/claim_record.ts";
import type { EngineContext } from "../engine/context.ts";
import { createFormat, noArchiveError, readFormat } from "../engine/format.ts";
import { rootKey } from "../engine/names.ts";
import { decodeRootBlob } from "../engine/root_blob.ts";
import { takeClaim } from "../engine/take_claim.ts";
import { ArchiveError } from "../errors.ts";
import { type PackFile, PackFiles } from "../packs/pack_files.ts";
import { copyNames, type NameConflict } from "./copy_names.ts";
import { copyPacks } from "./copy_packs.ts";
import { planCopy, type VolumePlan } from "./copy_plan.ts";
import { packsOfVolume } from "./volume_packs.ts";
import type { ProgressSink, TransferContext } from "./transfer_context.ts";

/** What a copy works with. */
export interface CopyOptions {
  /** The source: what answers for it, and its surroundings. */
  readonly from: TransferContext & { readonly engine: EngineContext };
  /** The destination's surroundings. */
  readonly to: EngineContext;
  /** Make an archive at the destination if there is none. */
  readonly create: boolean;
  /** Id of a volume; all of the archive when absent. */
  readonly volumeId?: string;
  /** Who claims the destination. */
  readonly holder: ClaimHolder;
  /** Told how many bytes of packs are copied. */
  readonly progress: ProgressSink;
}

/** What a copy did. */
export interface CopyResult {
  /** Volumes, those without anything new included. */
  readonly volumeCount: number;
  /** States copied. */
  readonly rootCount: number;
  /** Names of states copied. */
  readonly nameCount: number;
  /** Names that mean another state at the destination: left as they are. */
  readonly nameConflicts: readonly NameConflict[];
  /** Packs copied. */
  readonly packCount: number;
  /** Their bytes. */
  readonly packBytes: number;
  /** Packs that were there. */
  readonly packsPresent: number;
}

/**
 * Copies. Rejects with `Held` when a server writes the destination, and as
 * `planCopy` and `copyPacks` do.
 */
export async function copyArchive(options: CopyOptions): Promise<CopyResult> {
  const { from, to } = options;
  const sourceId = await readFormat(from.engine);
  if (sourceId === undefined) throw await noArchiveError(from.store);
  const archiveId = await readFormat(to);
  if (archiveId === undefined && !options.create) {
    throw await noArchiveError(to.store);
  }
  if (sourceId === archiveId) {
    throw new ArchiveError(
      "OtherVolume",
      `Cannot copy ${from.store.display} to ${to.store.display}: they are the same archive; name another store`,
    );
  }
  const claim = await takeClaim(to, {
    archiveId: archiveId ?? await createFormat(to),
    stateId: crypto.randomUUID().replaceAll("-", ""),
    holder: options.holder,
  });
  const done = new AbortController();
  claim.watch(CLAIM_CHECK_MS, done.signal);
  try {
    return await new Copy(options, claim).run();
  } finally {
    done.abort();
    await claim.release();
  }
}

const CLAIM_CHECK_MS = 5000;

class Copy {
  readonly #options: CopyOptions;
  readonly #claim: Claim;

  constructor(options: CopyOptions, claim: Claim) {
    this.#options = options;
    this.#claim = claim;
  }

  async run(): Promise<CopyResult> {
    const { from, to, volumeId } = this.#options;
    // Roots are listed before packs: those of a root are there before it is.
    const plans = await planCopy(from.engine, to, volumeId);
    const packs = await this.#copyPacks(plans);
    await this.#claim.check();
    let rootCount = 0;
    let nameCount = 0;
    const nameConflicts: NameConflict[] = [];
    for (const plan of plans) rootCount += await this.#copyRoots(plan);
    for (const plan of plans) {
      const { count, conflicts } = await copyNames(plan, from.engine, to);
      nameCount += count;
      nameConflicts.push(...conflicts);
    }
    await this.#claim.check();
    const volumeCount = plans.length;
    return { volumeCount, rootCount, nameCount, nameConflicts, ...packs };
  }

  async #copyPacks(
    plans: readonly VolumePlan[],
  ): Promise<Pick<CopyResult, "packCount" | "packBytes" | "packsPresent">> {
    const { from, to, progress, volumeId } = this.#options;
    const source = this.#packFiles(from.store);
    const destination = this.#packFiles(to.store);
    try {
      const wanted = volumeId === undefined
        ? undefined
        : await packsOfVolume(plans[0]!, from);
      const there = new Map<string, number>();
      for await (const { name, size } of destination.list()) {
        there.set(name, size);
      }
      const missing: PackFile[] = [];
      let packsPresent = 0;
      for await (const pack of source.list()) {
        if (wanted !== undefined && !wanted.delete(pack.name)) continue;
        if (there.get(pack.name) === pack.size) packsPresent++;
        else missing.push(pack);
      }
      // Not listed: to be read all the same, which says what is wrong.
      for (const name of wanted ?? []) missing.push({ name, size: 0 });
      const copied = await copyPacks(missing, {
        from: source,
        to: destination,
        hasher: from.hasher,
        display: { from: from.store.display, to: to.store.display },
        progress,
      });
      return { ...copied, packsPresent };
    } finally {
      source.close();
      destination.close();
    }
  }

  /** Ascending, so that what was copied is always a whole beginning of the history. */
  async #copyRoots({ volumeId, sequences }: VolumePlan): Promise<number> {
    const { from } = this.#options;
    for (const sequence of sequences) {
      const key = rootKey(volumeId, sequence);
      const bytes = await readBlob(from.engine, key);
      try {
        if (bytes === undefined) throw new RangeError("it is missing");
        decodeRootBlob(bytes, from.hasher);
        await this.#create(key, bytes);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new ArchiveError(
          "Damaged",
          `Cannot copy root "${key}" from ${from.store.display}: ${error.message}; mend it with "repair --from URL", URL being a copy of the store, and copy again`,
        );
      }
    }
    return sequences.length;
  }

  async #create(key: string, bytes: Uint8Array): Promise<void> {
    const { to } = this.#options;
    if (await createBlob(to, key, bytes) === undefined) return;
    throw new ArchiveError(
      "OtherVolume",
      `Cannot copy "${key}" to ${to.store.display}: another one is there; copy into another store`,
    );
  }

  #packFiles(store: BlobStore): PackFiles {
    const { onEvent, sleep } = this.#options.from;
    return new PackFiles({ store, onEvent, sleep });
  }
}
