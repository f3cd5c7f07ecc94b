/**
 * Where writes go first: into the overlay of their volume and into the journal,
 * both or neither.
 *
 * @module
 */

import type { BlockCache } from "./block_cache.ts";
import { SECTOR_SIZE } from "./block_view.ts";
import type { Head } from "./head.ts";
import type { Journal } from "./journal.ts";
import type { OverlayBudget } from "./overlay.ts";
import type { RoomWant } from "./oversized_writes.ts";
import { blockSpan, type SectorRange, writeToOverlay } from "./volume.ts";

/** Returned for a ticket: slots or journal are full. */
export const NO_ROOM = -1;

/** What the writes share. */
export interface WriteIntakeOptions {
  /** Has the slots of the overlays. */
  readonly cache: BlockCache;
  /** How many of them the overlays may take. */
  readonly budget: OverlayBudget;
  /** Bytes of a batch of the journal. */
  readonly batchBytesMax: number;
}

/** Takes writes, and numbers them. */
export class WriteIntake {
  /** Absent while it is replayed: it has the sectors already. */
  journal: Journal | undefined;
  readonly #options: WriteIntakeOptions;
  readonly #sectorsPerWriteMax: number;
  #lastTicket = 0;

  /** Takes writes without a journal until there is one. */
  constructor(options: WriteIntakeOptions) {
    this.#options = options;
    const sectorsPerBatch = options.batchBytesMax / SECTOR_SIZE;
    this.#sectorsPerWriteMax = Math.floor(sectorsPerBatch / 2);
  }

  /** How full the overlays or the journal are, whichever is fuller: 0 to 1. */
  get fill(): number {
    const { budget } = this.#options;
    return Math.max(
      budget.slotsUsed / budget.slotsMax,
      this.journal === undefined
        ? 0
        : this.journal.byteCount / this.journal.bytesMax,
    );
  }

  /** What a write of these sectors to a volume needs at least. */
  wantOf({ view }: Head, range: SectorRange): RoomWant {
    const { firstBlock, lastBlock } = blockSpan(range);
    return {
      slots: view.overlay?.slotsLacking(firstBlock, lastBlock) ?? 0,
      journalBytes: range.sectorCount * SECTOR_SIZE,
    };
  }

  /**
   * Takes sectors, copied: a ticket, 0 when the batch is full, or `NO_ROOM`.
   * With `isKept`, for sectors that have room already and only move, it goes
   * beyond what overlay and journal may have: nothing is let go before they
   * have moved. Throws a `RangeError` for more sectors than a batch ever takes.
   */
  append(
    head: Head,
    range: SectorRange,
    from: Uint8Array,
    offset: number,
    isKept: boolean = false,
  ): number {
    const { journal } = this;
    const { cache, budget } = this.#options;
    const { overlay } = head.view;
    if (overlay === undefined) return 0;
    if (range.sectorCount > this.#sectorsPerWriteMax) {
      throw new RangeError(
        `A write of ${range.sectorCount} sectors does not fit into a batch of the journal; ${this.#sectorsPerWriteMax} do`,
      );
    }
    const { firstBlock, lastBlock } = blockSpan(range);
    const ticket = this.#lastTicket + 1;
    const needed = overlay.slotsNeeded(firstBlock, lastBlock);
    const hasRoom = isKept
      ? cache.takeableCount >= needed
      : budget.hasRoom(needed) && journal?.isFullFor(range) !== true;
    if (!hasRoom) return NO_ROOM;
    if (journal?.append(head, range, from, offset, ticket) === false) return 0;
    this.#lastTicket = ticket;
    writeToOverlay(head.view, cache.pool.bytes, range, from, offset);
    return ticket;
  }
}
