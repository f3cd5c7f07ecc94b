/**
 * What is in memory of a run, and how it lies behind the run's pages: the
 * tables of its filter, their shapes, and the fences.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import type { PlainHash } from "../score.ts";
import { releaseTable, takeTableBytes } from "./fuse_builder.ts";
import {
  type FuseTable,
  SHAPE_WORDS,
  shapesOf,
  ShapeWord,
  tableBytes,
} from "./fuse_table.ts";
import { KeyFilter } from "./key_filter.ts";
import {
  bytesOf,
  checksumOf,
  PAGE_LENGTH,
  type RunFooter,
  summaryChecksum,
} from "./run_format.ts";
import type { WordPool } from "./word_pool.ts";

/** What is in memory of a run. */
export interface RunSummary {
  /** Absent where it may not be kept. */
  readonly filter?: KeyFilter;
  /** First words of the first keys of the pages, and perhaps more memory behind them. */
  readonly fences: Uint32Array<ArrayBuffer>;
}

/** Tables of a filter; one is absent where keys fit in none. */
export type FilterTables = readonly (FuseTable | undefined)[];

/** Where a summary is read from. */
export interface SummarySource {
  /** What the run's footer says. */
  readonly footer: RunFooter;
  /** Fills `target` from `position` of the file, or throws. */
  readonly read: (target: Uint8Array, position: number) => void;
  /** Computes checksums. */
  readonly hash: PlainHash;
  /** Lends the memory. */
  readonly pool: WordPool;
}

/** The pieces of a summary, in the order of the file. */
export function summaryPieces(
  tables: FilterTables,
  fences: Uint32Array,
): Uint8Array[] {
  return [
    ...tables.flatMap((table) => table === undefined ? [] : [table.bytes]),
    bytesOf(shapesOf(tables)),
    bytesOf(fences),
  ];
}

/** Gives back what is in memory of a run. */
export function releaseSummary(
  { filter, fences }: RunSummary,
  pool: WordPool,
): void {
  pool.release(fences);
  filter?.release(pool);
}

/** Reads a summary; undefined if it does not match its checksum. */
export function readSummary(source: SummarySource): RunSummary | undefined {
  const { footer, read, hash, pool } = source;
  const { pageCount, tablePages } = footer;
  const shapes = new Uint32Array(
    Math.ceil(pageCount / tablePages) * SHAPE_WORDS,
  );
  const fences = pool.take(pageCount);
  const tables: (FuseTable | undefined)[] = [];
  const checksums: Uint8Array[] = [];
  let position = pageCount * PAGE_LENGTH;
  const end = position + footer.tableBytes;
  read(bytesOf(shapes), end);
  read(bytesOf(fences), end + shapes.byteLength);
  for (let at = 0; at < shapes.length; at += SHAPE_WORDS) {
    const shape = shapes.subarray(at, at + SHAPE_WORDS);
    const table = emptyTable(shape, end - position, pool);
    tables.push(table);
    if (table === undefined) continue;
    read(table.bytes, position);
    position += table.bytes.length;
    checksums.push(checksumOf(table.bytes, hash));
  }
  checksums.push(checksumOf(bytesOf(shapes), hash));
  checksums.push(checksumOf(bytesOf(fences), hash));
  if (equalBytes(summaryChecksum(checksums, hash), footer.summary)) {
    return { filter: new KeyFilter(tables, tablePages, fences), fences };
  }
  tables.forEach((table) => table && releaseTable(table.bytes, pool));
  pool.release(fences);
  return undefined;
}

/** A table to be read; undefined where a shape says that there is none, or cannot be right. */
function emptyTable(
  shape: Uint32Array,
  bytesMax: number,
  pool: WordPool,
): FuseTable | undefined {
  const seed = shape[ShapeWord.seed] as number;
  const segmentLength = shape[ShapeWord.segmentLength] as number;
  const segmentCount = shape[ShapeWord.segmentCount] as number;
  const bits = shape[ShapeWord.bits];
  if (bits !== 7 && bits !== 12) return undefined;
  const layout = { segmentLength, segmentCount };
  const length = tableBytes(layout, bits);
  if (length > bytesMax) return undefined;
  return { ...layout, bytes: takeTableBytes(length, pool), bits, seed };
}
