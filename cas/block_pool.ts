/**
 * Slots of 4096 bytes in one shared buffer, through which the frame thread and
 * the archive thread pass blocks without copying them between the threads.
 *
 * The frame thread alone allocates and frees slots. The archive thread touches
 * a slot only while a request that names it is unanswered: it fills the slots
 * of a fetch, and reads the slots of a frozen generation.
 *
 * @module
 */

/** Bytes of a block, the unit of scoring and storing. */
export const BLOCK_SIZE = 4096;

/** Sectors of 512 bytes in a block. A sector mask of a block is one byte. */
export const SECTORS_PER_BLOCK = 8;

/** The mask of a block all of whose sectors are present. */
export const FULL_MASK = 0xff;

/** A fixed number of block-sized slots over one buffer. */
export class BlockPool {
  /** The memory itself: give this to the other thread. */
  readonly memory: SharedArrayBuffer;
  /** The same memory as bytes; slot `s` starts at `s * 4096`. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** How many slots there are. */
  readonly slotCount: number;

  /** Wraps memory made by `BlockPool.allocate`, in this or another thread. */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.bytes = new Uint8Array(memory);
    this.slotCount = Math.floor(memory.byteLength / BLOCK_SIZE);
  }

  /** Makes a pool of `slotCount` slots; the system backs pages when touched. */
  static allocate(slotCount: number): BlockPool {
    return new BlockPool(new SharedArrayBuffer(slotCount * BLOCK_SIZE));
  }

  /** The bytes of one slot: a view, not a copy. */
  slot(slot: number): Uint8Array<SharedArrayBuffer> {
    return this.bytes.subarray(slot * BLOCK_SIZE, (slot + 1) * BLOCK_SIZE);
  }
}
