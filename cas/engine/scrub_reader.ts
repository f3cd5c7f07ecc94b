/**
 * One step of a scrub: lists the next blobs, reads and verifies them.
 *
 * @module
 */

import { blobErrorCode } from "../../blobstores/blob_store.ts";
import type { PackVerdict } from "../block_store.ts";
import { scoresOfKeys } from "../bytes.ts";
import { copyNameOf } from "../packs/index_copies.ts";
import { decodeCopy } from "../packs/index_copy_format.ts";
import { packKey, packNameOf } from "../packs/pack_files.ts";
import type { DamagedBlock, ScrubFault, ScrubReport } from "../scrub_report.ts";
import { faultOfBlob, rootOfBlob } from "./blob_verdict.ts";
import { readBlob } from "./blobs.ts";
import type { EngineContext } from "./context.ts";
import { parseRootKey, rootKey } from "./names.ts";
import type { ReadyBlocks } from "./open_blocks.ts";
import type { ScrubPass } from "./scrub_memory.ts";
import {
  BLOB_PREFIXES,
  type KeySpan,
  mayHold,
  shareOf,
} from "./scrub_spans.ts";
import type { HeadHints } from "./volumes.ts";

/** Faults that are told; the others are counted. */
const FAULTS_MAX = 500;
/** Damaged blocks that are told of one pack. */
const BLOCKS_MAX = 16;
/** Keys listed at once. */
const KEY_BATCH_COUNT = 64;
/** What the reading of a small blob counts for at least. */
const BLOB_COST_BYTES = 4096;

/** One step of a pass. */
export class ScrubReader {
  readonly #context: EngineContext;
  readonly #ready: ReadyBlocks;
  readonly #share: number;
  #spans: readonly KeySpan[];
  #report: ScrubReport;

  /** Goes on with a pass. */
  constructor(context: EngineContext, ready: ReadyBlocks, pass: ScrubPass) {
    this.#context = context;
    this.#ready = ready;
    this.#share = pass.share;
    this.#spans = pass.spans;
    this.#report = pass.report;
  }

  /** Reads so many bytes, or a blob more, or what is left. */
  async read(byteCountMax: number): Promise<ScrubPass> {
    let left = byteCountMax;
    while (left > 0 && this.#spans.length > 0) {
      const [span, ...further] = this.#spans as [KeySpan, ...KeySpan[]];
      const keys = await this.#nextKeys(span);
      if (keys.length === 0) this.#spans = further;
      let before = span.after;
      for (const key of keys) {
        if (left <= 0) break;
        const byteCount = await this.#verify(key, before);
        left -= Math.max(byteCount, BLOB_COST_BYTES);
        before = key;
        this.#spans = [{ ...span, after: key }, ...further];
      }
    }
    const done = 1 - shareOf(this.#spans) / this.#share;
    const report = { ...this.#report, progress: Math.max(0, done) };
    return { report, spans: this.#spans, share: this.#share };
  }

  /** Looks for the newest roots that were seen; no gap tells of one that is gone. */
  async findHeads(seen: HeadHints): Promise<ScrubReport> {
    const { store, retry } = this.#context;
    for (const [volumeId, sequence] of Object.entries(seen)) {
      const key = rootKey(volumeId, sequence);
      const told = this.#report.faults.some((fault) => fault.key === key);
      const found = told || await retry.run(
            `look for "${key}" in ${store.display}`,
            () => store.head(key),
          ) !== null;
      if (!found) this.#missing(key, ", though this server has seen it");
    }
    return this.#report;
  }

  /** The first blobs of a span. */
  async #nextKeys(span: KeySpan): Promise<string[]> {
    const { store, retry } = this.#context;
    const { after: startAfter, until } = span;
    for (const prefix of BLOB_PREFIXES) {
      if (!mayHold(span, prefix)) continue;
      const keys = await retry.run(
        `list "${prefix}" in ${store.display}`,
        async () => {
          const found: string[] = [];
          for await (const { key } of store.list(prefix, { startAfter })) {
            if (key > until || found.push(key) >= KEY_BATCH_COUNT) break;
          }
          return found;
        },
      );
      if (keys.length > 0) return keys;
    }
    return [];
  }

  /** Verifies a blob; its bytes. `before` is the key that was read before. */
  async #verify(key: string, before: string): Promise<number> {
    const pack = packNameOf(key);
    if (pack !== undefined) return await this.#verifyPack(pack);
    await this.#findGap(key, before);
    const copy = copyNameOf(key);
    const bytes = await this.#bytesOf(key);
    if (typeof bytes === "string") {
      this.#count(0);
      if (copy !== undefined) {
        this.#uselessCopy(key, bytes);
        return 0;
      }
      this.#fault({ key, reason: bytes, blocks: [], blockCount: 0 });
      return 0;
    }
    this.#count(bytes.length);
    const { hasher } = this.#context;
    if (copy !== undefined) {
      const found = decodeCopy(copy, bytes, hasher.hash);
      if (typeof found === "string") this.#uselessCopy(key, found);
      return bytes.length;
    }
    const root = parseRootKey(key) && rootOfBlob(key, bytes, hasher);
    if (typeof root === "object") await this.#findPacks(key, root.packs);
    const reason = faultOfBlob(key, bytes, hasher);
    if (reason !== undefined) {
      this.#fault({ key, reason, blocks: [], blockCount: 0 });
    }
    return bytes.length;
  }

  async #bytesOf(key: string): Promise<Uint8Array | string> {
    try {
      return await readBlob(this.#context, key) ?? "it is missing";
    } catch (error) {
      if (blobErrorCode(error) !== "Corrupt") throw error;
      return `the store says: ${(error as Error).message}`;
    }
  }

  /** The sequences of a volume's roots begin with 0 and have no gaps. */
  async #findGap(key: string, before: string): Promise<void> {
    const place = parseRootKey(key);
    if (place === undefined) return;
    const { volumeId, sequence } = place;
    const last = parseRootKey(before);
    const first = last?.volumeId === volumeId ? last.sequence + 1 : 0;
    for (let missing = first; missing < sequence; missing++) {
      this.#missing(rootKey(volumeId, missing));
    }
    await this.#context.clock.yieldNow();
  }

  /** The packs that a root names are there. */
  async #findPacks(root: string, packs: readonly string[]): Promise<void> {
    const { store, retry } = this.#context;
    for (const pack of packs) {
      const key = packKey(pack);
      const told = this.#report.faults.some((fault) => fault.key === key);
      if (told) continue;
      const found = await retry.run(
        `look for "${key}" in ${store.display}`,
        () => store.head(key),
      );
      if (found !== null) continue;
      // At once: what it held must not pass for stored until somebody reads it.
      this.#ready.blocks.forsakePack(pack);
      this.#missing(key, ` and "${root}" needs it`);
    }
  }

  #missing(key: string, why = ""): void {
    const reason = `it is missing${why}`;
    this.#fault({ key, reason, blocks: [], blockCount: 0 });
  }

  async #verifyPack(name: string): Promise<number> {
    const { blocks } = this.#ready;
    const { clock } = this.#context;
    const verdict = await blocks.verifyPack(name, () => clock.yieldNow());
    const { byteCount, blockCount, fault, bad } = verdict;
    this.#count(byteCount);
    this.#report = {
      ...this.#report,
      packCount: this.#report.packCount + 1,
      blockCount: this.#report.blockCount + blockCount,
    };
    if (fault === undefined) return byteCount;
    // Nothing of it could be read.
    if (byteCount === 0) blocks.forsakePack(name);
    this.#fault({
      key: packKey(name),
      reason: fault,
      blocks: (await this.#damagedBlocks(bad)).slice(0, BLOCKS_MAX),
      blockCount: bad.length,
    });
    return byteCount;
  }

  /** Probing them marks them in the index, so that they are stored anew when they are written again. */
  async #damagedBlocks(bad: PackVerdict["bad"]): Promise<DamagedBlock[]> {
    const damaged: DamagedBlock[] = [];
    for (const { kind, key, offset, length } of bad) {
      let lost = false;
      await this.#ready.reader.probe(kind, scoresOfKeys(key), (_, damage) => {
        lost = damage !== undefined;
      });
      damaged.push({ score: key.toHex(), kind, offset, length, lost });
    }
    return damaged;
  }

  #uselessCopy(key: string, reason: string): void {
    const { store, onEvent } = this.#context;
    const { uselessCopies = [] } = this.#report;
    if (uselessCopies.length < FAULTS_MAX) {
      const copies = [...uselessCopies, { key, reason }];
      this.#report = { ...this.#report, uselessCopies: copies };
    }
    onEvent({
      event: "scrub-useless-copy",
      severity: "strange",
      message:
        `"${key}" in ${store.display} is of no use: ${reason}; it is a copy of the index, no data is lost, and it may be deleted`,
      key,
      reason,
    });
  }

  #count(byteCount: number): void {
    this.#report = {
      ...this.#report,
      blobCount: this.#report.blobCount + 1,
      byteCount: this.#report.byteCount + byteCount,
    };
  }

  #fault(fault: ScrubFault): void {
    const { faults, faultCount } = this.#report;
    const { store, onEvent } = this.#context;
    this.#report = {
      ...this.#report,
      faultCount: faultCount + 1,
      faults: faultCount < FAULTS_MAX ? [...faults, fault] : faults,
    };
    onEvent({
      event: "scrub-fault",
      severity: "corrupt",
      message:
        `"${fault.key}" in ${store.display} is damaged: ${fault.reason}; repair it from a copy: repair --from URL`,
      ...fault,
    });
  }
}
