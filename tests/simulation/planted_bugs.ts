/**
 * Bugs of every kind of promise, planted from outside: as a part around a sound
 * one, or as a change of a copy of the code. docs/testing.md lists them.
 */

import type { Patch } from "../source_patch.ts";
import type { Plant } from "./plant.ts";
import {
  BLIND_SCRUB,
  CLAIM_IGNORED,
  DIRECTORY_SYNC_LIES,
  FORGOTTEN_ENTRIES,
  PACKS_LATER,
  SYNC_LIES,
  WRONG_LOCATIONS,
} from "./planted_parts.ts";

/** A bug, as a part or as a patch. */
export interface PlantedBug {
  readonly what: string;
  readonly plant?: Plant;
  readonly patch?: Patch;
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  { what: "a disk whose sync lies", plant: SYNC_LIES },
  { what: "a directory whose sync lies", plant: DIRECTORY_SYNC_LIES },
  { what: "a root published before its packs", plant: PACKS_LATER },
  { what: "an index that returns wrong locations", plant: WRONG_LOCATIONS },
  {
    what: "an index that knows a pack without one of its blocks",
    plant: FORGOTTEN_ENTRIES,
  },
  { what: "a lost claim ignored", plant: CLAIM_IGNORED },
  { what: "a scrub that finds nothing", plant: BLIND_SCRUB },
  {
    what: "a write acknowledged before it is synced",
    patch: {
      file: "cas/front/batch_writer.ts",
      find: `    writing.then(() => {
      this.#policy`,
      replace: `    Promise.resolve().then(() => {
      this.#policy`,
    },
  },
  {
    what: "a failed batch acknowledged",
    patch: {
      file: "cas/front/journal.ts",
      find: "this.#settle(batch, false);",
      replace: "this.#settle(batch, true);",
    },
  },
  {
    what: "a journal retired before its writes are archived",
    patch: {
      file: "cas/front/generation_archiver.ts",
      find: "const result = await this.#archive({ volumes });",
      replace:
        "await journal.retireBelow(frozen.trimBelow); const result = await this.#archive({ volumes });",
    },
  },
  {
    what: "a replay that believes a torn batch",
    patch: {
      file: "cas/front/journal_recovery.ts",
      find: "return verifyBatch(batch, segment.nonce, this.#options.checksum)",
      replace: "return true",
    },
  },
  {
    what: "a read that ignores the newest write",
    patch: {
      file: "cas/front/block_view.ts",
      find: "const slot = (activeMask & bit) !== 0 ? active : inFrozen;",
      replace:
        "const slot = (frozenMask & bit) !== 0 ? frozen : (activeMask & bit) !== 0 ? active : base;",
    },
  },
  {
    what: "a read that ignores what is being archived",
    patch: {
      file: "cas/front/block_view.ts",
      find:
        "const frozenMask = overlay === undefined ? 0 : overlay.maskOf(frozen);",
      replace: "const frozenMask = 0;",
    },
  },
  {
    what: "a read answered by a server that was superseded",
    patch: {
      file: "cas/front/standstill.ts",
      find: "if (elapsedMs > STANDSTILL_MS) this.#look();",
      replace: "",
    },
  },
  {
    what: "a fetched block that is older than the newest root",
    patch: {
      file: "cas/front/fetcher.ts",
      find: "if (result.sequence >= view.sequence) break;",
      replace: "break;",
    },
  },
  {
    what: "writes over damage dropped",
    patch: {
      file: "cas/front/generation_archiver.ts",
      find: "new Set(left?.blocks)",
      replace: "new Set<number>()",
    },
  },
  {
    what: "sectors invented under a partial write",
    patch: {
      file: "cas/engine/fold.ts",
      find:
        "if (state === FetchState.Damaged) this.#waiting[partial[place]!] = 1;",
      replace: "",
    },
  },
  {
    what: "blocks served without verifying them",
    patch: {
      file: "cas/packs/block_verifier.ts",
      find: "if (this.#found[i] !== expected[i]) {",
      replace: "if (this.#found[i] === undefined) {",
    },
  },
  {
    what: "a snapshot that follows the head",
    patch: {
      file: "cas/engine/states.ts",
      find:
        "if (snapshot !== undefined) return await this.#snapshot(volume, snapshot);",
      replace: "if (snapshot !== undefined) return volume.head;",
    },
  },
  {
    what: "a snapshot announced before its name is stored",
    patch: {
      file: "cas/engine/snapshots.ts",
      find: "const other = await createBlob(context, key, body);",
      replace:
        "createBlob(context, key, body).catch(() => {}); const other = undefined as Uint8Array | undefined;",
    },
  },
  {
    what: "a snapshot that lacks writes over damage",
    patch: {
      file: "cas/front/checkpointer.ts",
      find: "if (kept.has(head)) throw",
      replace: "if (kept === undefined) throw",
    },
  },
  {
    what: "lost packs that are looked for only once",
    patch: {
      file: "cas/engine/last_resort.ts",
      find: "clock.nowMs() - this.#searchedMs >= SEARCH_PAUSE_MS",
      replace: "clock.nowMs() < this.#searchedMs - Infinity",
    },
  },
  {
    what: "a block taken for stored because a copy of the index says so",
    patch: {
      file: "cas/packs/pack_writer.ts",
      find: "if (!this.#location.unproven) return false;",
      replace: "if (block.length > 0) return false;",
    },
  },
  {
    what: "a block that is lost because a copy of the index conceals it",
    patch: {
      file: "cas/engine/block_reader.ts",
      find: "if (missing.size > 0 && await last.dropCopies(madeCount)) {",
      replace: "if (missing.size < 0) {",
    },
  },
  {
    what: "a volume that grows and loses its blocks",
    patch: {
      file: "cas/engine/tree_grow.ts",
      find: "block.set(root);",
      replace: "block.set(root, SCORE_LENGTH);",
    },
  },
  {
    what: "a start from the second newest root",
    patch: {
      file: "cas/engine/root_store.ts",
      find: "return (await listSequences(context, volumeId)).at(-1);",
      replace:
        "const all = await listSequences(context, volumeId); return all.at(-2) ?? all.at(-1);",
    },
  },
  {
    what: "a root of the writer before under acknowledged writes",
    patch: {
      file: "cas/engine/view_openings.ts",
      find: "this.#writing = hasClaim;",
      replace: "this.#writing = false;",
    },
  },
  {
    what: "a rename of the server before that arrives after a takeover",
    patch: {
      file: "cas/engine/view_openings.ts",
      find: "await writes.run(() => changes.fenceUnwritten(closed));",
      replace: "void closed;",
    },
  },
  {
    what: "a late volume beside the one that has its name",
    patch: {
      file: "cas/engine/volumes.ts",
      find: "|| this.head === this.late",
      replace: "",
    },
  },
  {
    what: "a FLUSH answered while writes are in the journal alone",
    patch: {
      file: "cas/front/checkpointer.ts",
      find: "while ((await this.#checkpoint()).has(head)) {",
      replace: "while ((await this.#checkpoint()) === undefined) {",
    },
  },
  {
    what: "a state at a time that is the one before",
    patch: {
      file: "cas/engine/root_history.ts",
      find: "else if (root.record.timeMs <= atMs) {",
      replace: "else if (root.record.timeMs < atMs) {",
    },
  },
  {
    what: "a history in the wrong order",
    patch: {
      file: "cas/engine/root_history.ts",
      find: "entries.push(describeEntry(root));",
      replace: "entries.unshift(describeEntry(root));",
    },
  },
  {
    what: "a full store that writes wait for in silence",
    patch: {
      file: "cas/engine/retry.ts",
      find: 'if (code === "NoSpace") this.room',
      replace: 'if (code === "Cancelled") this.room',
    },
  },
  {
    what: "an outage that is taken for a full store",
    patch: {
      file: "cas/engine/retry.ts",
      find: 'if (code === "NoSpace") this.room',
      replace: 'if (temporary || code === "NoSpace") this.room',
    },
  },
  {
    what: "a refusal that does not end when there is room",
    patch: {
      file: "cas/front/room_waiters.ts",
      find: `this.#refusal = undefined;
      report`,
      replace: `if (this.#refusal !== undefined) return;
      report`,
    },
  },
  {
    what: "a blob overwritten",
    patch: {
      file: "cas/engine/blobs.ts",
      find: "{ ifAbsent: true }",
      replace: "{}",
    },
  },
];
