/**
 * What disks should hold: for each sector the writes that could be found, of
 * which nearly always only one is left.
 */

import { Violation } from "./world.ts";

/** Which of several values each sector may have; after the first look, just one. */
export class Content {
  #allowed: readonly (readonly number[])[];
  /** It may have fewer sectors, but so many: it may be of before the volume grew. */
  #sectorCountMin: number;

  constructor(
    allowed: readonly (readonly number[])[],
    sectorCountMin: number = allowed.length,
  ) {
    this.#allowed = allowed;
    this.#sectorCountMin = sectorCountMin;
  }

  get sectorCount(): number {
    return this.#allowed.length;
  }

  /** True if its size is known. */
  get isSized(): boolean {
    return this.#sectorCountMin === this.sectorCount;
  }

  get allowed(): readonly (readonly number[])[] {
    return this.#allowed;
  }

  /** Fails unless this was found; from then on it is all that may be found. */
  check(found: Uint32Array, where: string): void {
    if (
      found.length < this.#sectorCountMin || found.length > this.sectorCount
    ) {
      throw new Violation(
        `${where}: it has ${found.length} sectors, not ${this.#sectorCountMin} to ${this.sectorCount}`,
      );
    }
    found.forEach((value, sector) => {
      const allowed = this.#allowed[sector] as readonly number[];
      if (!allowed.includes(value)) throw wrong(where, sector, value, allowed);
    });
    this.#allowed = Array.from(found, (value) => [value]);
    this.#sectorCountMin = found.length;
  }
}

/** A name for a state. */
export interface SnapshotModel {
  readonly content: Content;
  /** False where nobody was told whether it was made. */
  sure: boolean;
}

/** What was written to one volume. */
export class VolumeModel {
  name: string;
  retired = false;
  readonly snapshots: Map<string, SnapshotModel> = new Map();
  /** Its states by sequence: hash and time never change. */
  readonly states: Map<number, string> = new Map();
  /** False until its content was looked at since the last start. */
  sure = true;
  /** What it may have grown to since it was asked to, though nobody was told. */
  #sectorsAsked = 0;
  #stamps: number[][];
  /** For each sector, how many of its writes from the first on are past. */
  #acknowledged: number[];
  #archived: number[];

  constructor(name: string, content: Content) {
    this.name = name;
    this.#stamps = content.allowed.map((values) => values.slice());
    this.#acknowledged = this.#stamps.map(() => 0);
    this.#archived = this.#stamps.map(() => 0);
    this.sure = this.#stamps.every(({ length }) => length === 1);
  }

  get sectorCount(): number {
    return this.#stamps.length;
  }

  grow(sectorCount: number): void {
    while (this.#stamps.length < sectorCount) {
      this.#stamps.push([0]);
      this.#acknowledged.push(0);
      this.#archived.push(0);
    }
  }

  /** Notes that it was asked to grow. */
  askToGrow(sectorCount: number): void {
    this.#sectorsAsked = Math.max(this.#sectorsAsked, sectorCount);
  }

  /** As `since`, of a state that may be of after a growth under way. */
  sinceGrowing(capture: readonly number[]): Content {
    const { allowed } = this.since(capture);
    const grownBy = Math.max(0, this.#sectorsAsked - allowed.length);
    const zeros = Array.from({ length: grownBy }, () => [0]);
    return new Content([...allowed, ...zeros], capture.length);
  }

  /** Notes a write; what to call when it is acknowledged. */
  write(lba: number, sectorCount: number, stamp: number): () => void {
    const stamps = this.#stamps.slice(lba, lba + sectorCount);
    const places = stamps.map((each) => each.push(stamp) - 1);
    const acknowledged = this.#acknowledged;
    return () =>
      places.forEach((place, at) => {
        acknowledged[lba + at] = Math.max(acknowledged[lba + at]!, place);
      });
  }

  /** The newest write of each sector, to tell later what came since. */
  capture(): number[] {
    return this.#stamps.map(({ length }) => length - 1);
  }

  /** What a state made between a capture and now may hold. */
  since(capture: readonly number[]): Content {
    return new Content(
      this.#stamps.map((stamps, at) => stamps.slice(capture[at] ?? 0)),
      capture.length,
    );
  }

  /** All that was captured is in the archive. */
  archived(capture: readonly number[]): void {
    capture.forEach((place, at) => {
      this.#archived[at] = Math.max(this.#archived[at]!, place);
    });
  }

  /** What this volume may hold: after a loss of `nothing`, of the `journal`, or of `all` since the last look. */
  possible(loss: "nothing" | "journal" | "all"): Content {
    const from = { nothing: this.#acknowledged, journal: this.#archived };
    return this.since(loss === "all" ? this.#stamps.map(() => 0) : from[loss]);
  }

  /** A look has found this: what was written before is past, but may be all that is in the archive. */
  found(content: Content): void {
    this.#stamps = content.allowed.map(([value], sector) => {
      const archived = this.#archived[sector] as number;
      const since = (this.#stamps[sector] ?? []).slice(archived);
      const at = since.lastIndexOf(value as number);
      return at < 0 ? [value as number] : since.slice(0, at + 1);
    });
    this.#acknowledged = this.#stamps.map(({ length }) => length - 1);
    this.#archived = this.#stamps.map(() => 0);
    this.#sectorsAsked = 0;
    this.sure = true;
  }

  /** From now on it holds this. */
  become(content: Content): void {
    this.#stamps = content.allowed.map((values) => values.slice());
    this.#acknowledged = this.#stamps.map(() => 0);
    this.#archived = this.#stamps.map(() => 0);
    this.sure = this.#stamps.every(({ length }) => length === 1);
  }

  /** Fails unless a read that began at `capture` may have found these sectors. */
  checkRead(
    lba: number,
    found: Uint32Array,
    capture: readonly number[],
    where: string,
  ): void {
    found.forEach((value, at) => {
      const sector = lba + at;
      const stamps = this.#stamps[sector] as number[];
      const from = capture[sector] as number;
      if (stamps.indexOf(value, from) < 0) {
        throw wrong(where, sector, value, stamps.slice(from));
      }
    });
  }
}

function wrong(
  where: string,
  sector: number,
  value: number,
  allowed: readonly number[],
): Violation {
  return new Violation(
    `${where}: sector ${sector} holds ${value}, not ${allowed.join(" or ")}`,
  );
}

/** The number in each sector; NaN, told as 2^32 - 1, where it is torn. */
export function stampsIn(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.length / 4,
  );
  const stamps = new Uint32Array(bytes.length / 512);
  for (let sector = 0; sector < stamps.length; sector++) {
    const first = words[sector * 128] as number;
    let at = sector * 128;
    const end = at + 128;
    while (at < end && words[at] === first) at++;
    stamps[sector] = at === end ? first : 0xffffffff;
  }
  return stamps;
}
