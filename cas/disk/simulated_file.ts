/**
 * The bytes of one simulated file: what programs see, what is durable, and the
 * writes between the two.
 *
 * @module
 */

/** The unit that reaches the platter whole or not at all. */
const DISK_SECTOR_SIZE = 512;

/** Memory of a file that grows, for each byte that it needs. */
const GROWTH = 1.25;

/** A source of randomness: numbers from 0 to below 1. */
export type Random = () => number;

interface PendingWrite {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** An inode: it lives on while a name or an open file refers to it. */
export class SimulatedFile {
  #durable: Uint8Array;
  #seen: Uint8Array;
  #pending: PendingWrite[] = [];

  /** A file with these durable bytes (copied). */
  constructor(durable: Uint8Array = new Uint8Array(0)) {
    this.#durable = durable.slice();
    this.#seen = durable.slice();
  }

  /** Bytes as programs see it. */
  get size(): number {
    return this.#seen.length;
  }

  /** Writes, visible at once and durable after a sync. */
  write(bytes: Uint8Array, position: number): void {
    this.#pending.push({ position, bytes: bytes.slice() });
    this.#seen = placed(this.#seen, bytes, position);
  }

  /** Fills `into`; returns how many bytes there were. */
  read(into: Uint8Array, position: number): number {
    const found = this.#seen.subarray(position, position + into.length);
    into.set(found);
    return found.length;
  }

  /** Writes; the returned function makes these bytes durable, and no others. */
  beginDurableWrite(bytes: Uint8Array, position: number): () => void {
    this.write(bytes, position);
    const written = this.#pending.at(-1);
    return () => {
      this.#durable = placed(this.#durable, bytes, position);
      this.#pending = this.#pending.filter((write) => write !== written);
    };
  }

  /** Begins a sync; the returned function makes what was written so far durable. */
  beginSync(): () => void {
    const covered = this.#pending.slice();
    return () => {
      for (const write of covered) {
        this.#durable = placed(this.#durable, write.bytes, write.position);
      }
      const done = new Set(covered);
      this.#pending = this.#pending.filter((write) => !done.has(write));
    };
  }

  /** A failed sync: some sectors reached the platter, the others are forgotten. */
  dropUnsynced(random: Random): void {
    this.#durable = this.#survivors(random);
    this.#pending = [];
    this.#seen = this.#durable.slice();
  }

  /** The file as it could be found after power is lost now. */
  afterPowerLoss(random: Random): SimulatedFile {
    return new SimulatedFile(this.#survivors(random));
  }

  #survivors(random: Random): Uint8Array {
    let bytes: Uint8Array = this.#durable.slice();
    // One luck for all makes whole losses and whole survivals likely too.
    const luck = [0, 1, random(), random()][Math.floor(random() * 4)] as number;
    for (const write of shuffled(this.#pending, random)) {
      for (const sector of sectorsOf(write)) {
        if (random() < luck) {
          bytes = placed(bytes, sector.bytes, sector.position);
        }
      }
    }
    // The size is metadata with a luck of its own: grown, but without the data.
    const grown = Math.floor(random() * (this.#seen.length - bytes.length + 1));
    if (grown > 0 && random() < 0.5) {
      bytes = placed(bytes, new Uint8Array(grown), bytes.length);
    }
    return bytes;
  }
}

function sectorsOf(write: PendingWrite): PendingWrite[] {
  const sectors: PendingWrite[] = [];
  let done = 0;
  while (done < write.bytes.length) {
    const position = write.position + done;
    const length = DISK_SECTOR_SIZE - position % DISK_SECTOR_SIZE;
    sectors.push({
      position,
      bytes: write.bytes.subarray(done, done + length),
    });
    done += length;
  }
  return sectors;
}

function placed(
  target: Uint8Array,
  bytes: Uint8Array,
  position: number,
): Uint8Array {
  const end = position + bytes.length;
  const grown = end > target.length ? lengthened(target, end) : target;
  grown.set(bytes, position);
  return grown;
}

/**
 * The same bytes and zeros behind them, in the same memory if it reaches: a file
 * that grows by small writes is copied now and then, not by each of them.
 */
function lengthened(target: Uint8Array, length: number): Uint8Array {
  if (length <= target.buffer.byteLength) {
    return new Uint8Array(target.buffer, 0, length);
  }
  const capacity = Math.ceil(length * GROWTH);
  const grown = new Uint8Array(new ArrayBuffer(capacity), 0, length);
  grown.set(target);
  return grown;
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = items.slice();
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}
