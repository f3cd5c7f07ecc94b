/**
 * A run of the index in words: its footer, and what its pages come to.
 *
 * @module
 */

import {
  checkPage,
  decodeFooter,
  FOOTER_LENGTH,
  PAGE_LENGTH,
} from "../index/run_format.ts";
import type { Hasher } from "../score.ts";
import { type Inspection, unreadable } from "./inspection.ts";

const KIND = "index run";

/** True for a file that ends as a run does. */
export function isIndexRun(bytes: Uint8Array, hasher: Hasher): boolean {
  return footerOf(bytes, hasher) !== undefined;
}

/** Describes a run; every page is verified. */
export function inspectIndexRun(bytes: Uint8Array, hasher: Hasher): Inspection {
  const footer = footerOf(bytes, hasher);
  if (footer === undefined) {
    return unreadable(KIND, "its footer does not match its checksum");
  }
  const { run, entryCount, pageCount, tableBytes } = footer;
  const faults: string[] = [];
  let found = 0;
  const pages = bytes.slice(0, pageCount * PAGE_LENGTH);
  const words = new Uint32Array(pages.buffer);
  for (let page = 0; page < pageCount; page++) {
    const count = checkPage(
      { words, bytes: pages },
      page,
      { run, page },
      (range) => hasher.hash(range),
    );
    if (count < 0) faults.push(`its page ${page} is damaged`);
    else found += count;
  }
  if (faults.length === 0 && found !== entryCount) {
    faults.push(
      `its pages have ${found} entries, its footer tells of ${entryCount}`,
    );
  }
  return {
    kind: KIND,
    faults,
    fields: {
      run,
      entries: entryCount,
      pages: pageCount,
      "bytes of its filter": tableBytes,
      bytes: bytes.length,
    },
    entries: [],
  };
}

function footerOf(
  bytes: Uint8Array,
  hasher: Hasher,
): ReturnType<typeof decodeFooter> {
  if (bytes.length < FOOTER_LENGTH) return undefined;
  const footer = bytes.slice(bytes.length - FOOTER_LENGTH);
  return decodeFooter(footer, (range) => hasher.hash(range));
}
