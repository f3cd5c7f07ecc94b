/**
 * Stores that are sound but for ranges that are read together.
 *
 * @module
 */

import type { FoundRanges, KeyedRange } from "../../blobstores/blob_store.ts";
import { AlteredStore } from "./broken_stores.ts";

export class MixesRangesUp extends AlteredStore {
  override async getRanges(
    ranges: readonly KeyedRange[],
  ): Promise<FoundRanges> {
    return (await super.getRanges(ranges)).toReversed();
  }
}

export class LeavesRangesAway extends AlteredStore {
  override async getRanges(
    ranges: readonly KeyedRange[],
  ): Promise<FoundRanges> {
    const found = await super.getRanges(ranges);
    return found.filter((bytes) => bytes !== undefined);
  }
}

export class ShortensRanges extends AlteredStore {
  override async getRanges(
    ranges: readonly KeyedRange[],
  ): Promise<FoundRanges> {
    const found = await super.getRanges(ranges);
    return found.map((bytes) => bytes?.subarray(0, 4096));
  }
}

export class InventsRanges extends AlteredStore {
  override async getRanges(
    ranges: readonly KeyedRange[],
  ): Promise<FoundRanges> {
    const found = await super.getRanges(ranges);
    return found.map((bytes, place) =>
      bytes ?? new Uint8Array(ranges[place]!.length)
    );
  }
}
