/**
 * The structure of an archive: every root of every volume can be read and
 * reaches every one of its blocks. Pointer blocks are read and verified, each
 * distinct one once; data blocks are only looked up, and their packs listed. An
 * index that rests on copies in the store is made anew first.
 *
 * It holds the scores of all distinct pointer blocks: about 100 MB for 1 TiB of
 * distinct data.
 *
 * @module
 */

import type { CheckResult } from "../archive_operations.ts";
import { SCORE_LENGTH } from "../block_store.ts";
import { ArchiveError } from "../errors.ts";
import { packKey } from "../packs/pack_files.ts";
import { fromHex, isNullAt, scoreAt } from "../bytes.ts";
import type { EngineContext } from "./context.ts";
import { DamageReport, ReportedDamage } from "./damage_report.ts";
import { POINTERS_PER_BLOCK } from "./geometry.ts";
import { addUnknownPacks } from "./listed_packs.ts";
import type { ReadyBlocks } from "./open_blocks.ts";
import { makeIndex } from "./start_blocks.ts";
import type { PublishedRoot } from "./root_blob.ts";
import { listVolumeIds, newestSequence, readRoot } from "./root_store.ts";
import { listSnapshots } from "./snapshots.ts";
import type { HeadHints } from "./volumes.ts";
import { walkTree } from "./tree_walk.ts";
import { treeOf } from "./views.ts";

/** Faults that are told; the others are counted. */
const FAULTS_MAX = 1000;
/** Roots read at once. */
const ROOT_BATCH_COUNT = 32;

/** Checks the structure of an archive; `seen` are newest roots that are known to have been there. */
export async function checkArchive(
  context: EngineContext,
  blocks: ReadyBlocks,
  seen: HeadHints,
): Promise<CheckResult> {
  if (blocks.blocks.restsOnCopies) {
    await makeIndex(context, (tell) => blocks.blocks.dropCopies(tell));
  }
  const mendedBefore = await blocks.blocks.mend();
  const result = await new Check(context, blocks, seen).run();
  // What was looked up in an index that is no more may be wrong.
  const again = await blocks.blocks.mend() !== mendedBefore;
  return again ? await new Check(context, blocks, seen).run() : result;
}

class Check {
  readonly #context: EngineContext;
  readonly #ready: ReadyBlocks;
  readonly #seenHeads: HeadHints;
  /** Sizes of the packs in the store. */
  #packs: ReadonlyMap<string, number> = new Map();
  /** Scores of the pointer blocks seen, by level. */
  readonly #seen = new Set<string>();
  /** Packs that are cut off. */
  readonly #cutOff = new Set<string>();
  /** Packs that were not listed, and what needs them. */
  readonly #unlisted = new Map<string, string>();
  readonly #reported: ReportedDamage;
  readonly #faults: string[] = [];
  #faultCount = 0;
  #rootCount = 0;
  #blockCount = 0;

  constructor(
    context: EngineContext,
    ready: ReadyBlocks,
    seenHeads: HeadHints,
  ) {
    this.#context = context;
    this.#ready = ready;
    this.#seenHeads = seenHeads;
    this.#reported = new ReportedDamage(() => context.clock.nowMs());
  }

  async run(): Promise<CheckResult> {
    this.#packs = await addUnknownPacks(this.#context, this.#ready.blocks);
    const listed = await listVolumeIds(this.#context);
    for (
      const volumeId of new Set([...listed, ...Object.keys(this.#seenHeads)])
    ) {
      await this.#checkVolume(volumeId);
    }
    await this.#checkUnlisted();
    const snapshotCount = await this.#checkSnapshots();
    return {
      rootCount: this.#rootCount,
      snapshotCount,
      packCount: this.#packs.size,
      pointerCount: this.#seen.size,
      blockCount: this.#blockCount,
      faults: this.#faults,
      faultCount: this.#faultCount,
    };
  }

  /** Sequences have no gaps. Newest roots first: the most of the tree is met under the present state. */
  async #checkVolume(volumeId: string): Promise<void> {
    const newest = Math.max(
      await newestSequence(this.#context, volumeId) ?? -1,
      this.#seenHeads[volumeId] ?? -1,
    );
    for (let first = newest; first >= 0; first -= ROOT_BATCH_COUNT) {
      const length = Math.min(ROOT_BATCH_COUNT, first + 1);
      const roots = await Promise.all(
        Array.from(
          { length },
          (_, index) => this.#root(volumeId, first - index),
        ),
      );
      for (const root of roots) {
        if (root instanceof ArchiveError) this.#fault(root.message);
        else await this.#checkRoot(root);
      }
    }
  }

  async #root(
    volumeId: string,
    sequence: number,
  ): Promise<PublishedRoot | ArchiveError> {
    try {
      return await readRoot(this.#context, volumeId, sequence);
    } catch (error) {
      if (error instanceof ArchiveError && error.code === "Damaged") {
        return error;
      }
      throw error;
    }
  }

  async #checkRoot({ record, hash, packs }: PublishedRoot): Promise<void> {
    const { clock } = this.#context;
    const { pointers } = this.#ready;
    const state = `root ${record.sequence} of volume "${record.name}"`;
    this.#rootCount++;
    for (const pack of packs) this.#checkPack(pack, state);
    this.#checkPlace(fromHex(hash), 0, `the record of ${state}`);
    const report = new DamageReport();
    await walkTree(treeOf(record), {
      pointers,
      report,
      yieldNow: () => clock.yieldNow(),
      enters: (level, score) => this.#isNew(level, score),
      onScores: (scores) => this.#checkScores(scores, state),
      onHidden: () => {},
    });
    report.emit({
      onEvent: ({ message }) => this.#fault(message),
      reported: this.#reported,
    }, { name: record.name });
  }

  #isNew(level: number, score: Uint8Array): boolean {
    const key = String.fromCharCode(level, ...score);
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  #checkScores(scores: Uint8Array, state: string): void {
    for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
      if (isNullAt(scores, entry)) continue;
      this.#blockCount++;
      this.#checkPlace(scores, entry * SCORE_LENGTH, `a block of ${state}`);
    }
  }

  #checkPlace(scores: Uint8Array, offset: number, what: string): void {
    const place = this.#ready.blocks.locate(scores, offset);
    if (place === undefined) {
      const score = scoreAt(scores, offset / SCORE_LENGTH).toHex();
      return this.#fault(`No pack holds ${what}, with score ${score}`);
    }
    const { pack, length } = place;
    const size = this.#packs.get(pack);
    if (size === undefined) this.#checkPack(pack, what);
    else if (place.offset + length > size && !this.#cutOff.has(pack)) {
      this.#cutOff.add(pack);
      this.#fault(
        `Pack ${pack} is cut off: it has ${size} bytes, and ${what} ends at ${
          place.offset + length
        }`,
      );
    }
  }

  #checkPack(pack: string, wantedBy: string): void {
    if (this.#packs.has(pack) || this.#unlisted.has(pack)) return;
    this.#unlisted.set(pack, wantedBy);
  }

  /** A server may have put packs since they were listed. */
  async #checkUnlisted(): Promise<void> {
    const { store, retry } = this.#context;
    for (const [pack, wantedBy] of this.#unlisted) {
      const key = packKey(pack);
      const found = await retry.run(
        `look for "${key}" in ${store.display}`,
        () => store.head(key),
      );
      if (found !== null) continue;
      this.#fault(
        `Pack ${pack} is missing, and ${wantedBy} needs it: give it back with "repair --from URL", URL being a copy of the store`,
      );
    }
  }

  async #checkSnapshots(): Promise<number> {
    const snapshots = await listSnapshots(
      {
        ...this.#context,
        onEvent: ({ message }) => this.#fault(message),
      },
      undefined,
      "all",
    );
    for (const { volumeId, volume, name, sequence, rootHash } of snapshots) {
      const root = await this.#root(volumeId, sequence);
      // A damaged root has been told of already.
      if (root instanceof ArchiveError || root.hash === rootHash) continue;
      this.#fault(
        `Snapshot "${name}" of volume "${volume}" names root ${rootHash}, and root ${sequence} is ${root.hash}`,
      );
    }
    return snapshots.length;
  }

  #fault(what: string): void {
    this.#faultCount++;
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(what);
  }
}
