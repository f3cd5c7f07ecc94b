/**
 * One event for each damaged block or pointer block of a request, with all the
 * sectors of the request's volume that it hides. A client that reads a damaged
 * block again and again is told so each time; the operator once a minute.
 *
 * @module
 */

import { SECTORS_PER_BLOCK } from "../block_pool.ts";
import type { BlockDamage } from "../block_store.ts";
import type { EventSink } from "../events.ts";
import type { PointerDamage } from "./tree_lookup.ts";

/** Sectors of a volume. */
interface Sectors {
  readonly lba: number;
  readonly sectorCount: number;
}

interface Finding {
  readonly level: number;
  readonly score: string;
  readonly damage: BlockDamage;
  readonly sectors: Sectors[];
}

/** How long damage that was reported is not reported again. */
const SILENCE_MS = 60_000;

/** How many damaged places are remembered; beyond, the oldest is reported anew. */
const PLACES_MAX = 65_536;

/** What was reported lately: outlives the requests. */
export class ReportedDamage {
  readonly #nowMs: () => number;
  /** When each place was reported; in the order of the reports. */
  readonly #reportedMs = new Map<string, number>();

  /** `nowMs` tells the time. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** True, once a minute, when this place is to be reported. */
  isDue(place: string): boolean {
    const nowMs = this.#nowMs();
    const beforeMs = this.#reportedMs.get(place);
    if (beforeMs !== undefined && nowMs - beforeMs < SILENCE_MS) return false;
    this.#reportedMs.delete(place);
    this.#reportedMs.set(place, nowMs);
    if (this.#reportedMs.size > PLACES_MAX) {
      const [oldest] = this.#reportedMs.keys();
      this.#reportedMs.delete(oldest!);
    }
    return true;
  }
}

/** The disk whose sectors are hidden. */
export interface DamagedDisk {
  /** The volume's name. */
  readonly name: string;
  /** Set for a snapshot of it. */
  readonly snapshot?: string;
}

/** Where events go, and what was said before. */
export interface DamageOutlet {
  /** Takes events. */
  readonly onEvent: EventSink;
  /** Keeps them from being repeated. */
  readonly reported: ReportedDamage;
}

/** Collects the damage met by one request, and reports it once. */
export class DamageReport {
  /** By level and score. */
  readonly #findings = new Map<string, Finding>();

  /** Notes a damaged data block; `score` has 64 hexadecimal digits. */
  addBlock(block: number, score: string, damage: BlockDamage): void {
    this.#add({ level: 0, score, damage }, {
      lba: block * SECTORS_PER_BLOCK,
      sectorCount: SECTORS_PER_BLOCK,
    });
  }

  /** Notes damaged pointer blocks. */
  addPointers(damages: readonly PointerDamage[]): void {
    for (const damage of damages) {
      const { level, score, firstBlock, blockCount } = damage;
      this.#add({ level, score, damage }, {
        lba: firstBlock * SECTORS_PER_BLOCK,
        sectorCount: blockCount * SECTORS_PER_BLOCK,
      });
    }
  }

  /** True if there is damage, and all of it may be found sound yet. */
  get unsettled(): boolean {
    const findings = [...this.#findings.values()];
    return findings.length > 0 &&
      findings.every(({ damage }) => damage.unsettled === true);
  }

  /** Emits the events, but for the sectors of which it was said lately. */
  emit({ onEvent, reported }: DamageOutlet, volume: DamagedDisk): void {
    const disk = volume.snapshot === undefined
      ? volume.name
      : `${volume.name}@${volume.snapshot}`;
    for (const [key, finding] of this.#findings) {
      const { level, score, damage } = finding;
      const place = damage.unsettled ? `${key} yet` : key;
      const sectors = finding.sectors.filter(({ lba }) =>
        reported.isDue(`${disk} ${lba} ${place}`)
      );
      if (sectors.length === 0) continue;
      const merged = mergeSectors(sectors);
      onEvent({
        event: damage.unsettled ? "block-not-found-yet" : "block-damaged",
        severity: damage.unsettled ? "strange" : "corrupt",
        message: messageOf(finding, merged, disk),
        ...(damage.pack === undefined ? {} : { pack: damage.pack }),
        score,
        level,
        reason: damage.reason,
        volume: volume.name,
        ...(volume.snapshot === undefined ? {} : { snapshot: volume.snapshot }),
        sectors: merged,
      });
    }
  }

  #add(what: Omit<Finding, "sectors">, sectors: Sectors): void {
    const key = `${what.level}:${what.score}`;
    const known = this.#findings.get(key);
    if (known === undefined) {
      this.#findings.set(key, { ...what, sectors: [sectors] });
      return;
    }
    known.sectors.push(sectors);
  }
}

function messageOf(
  { level, score, damage }: Finding,
  merged: readonly Sectors[],
  disk: string,
): string {
  const what = level === 0 ? "block" : `pointer block of level ${level}`;
  const ranges = merged.map(({ lba, sectorCount }) =>
    `${lba} to ${lba + sectorCount - 1}`
  ).join(", ");
  const where = `sectors ${ranges} of volume "${disk}"`;
  if (damage.unsettled) {
    return `Cannot find the ${what} with score ${score} yet: ${damage.reason}; reads of ${where} fail until it is found`;
  }
  const pack = damage.pack === undefined
    ? "no known pack"
    : `pack ${damage.pack}`;
  return `Cannot read the ${what} with score ${score} in ${pack}: ${damage.reason}; ${where} are lost until it is restored`;
}

/** Ascending, without overlaps. */
function mergeSectors(sectors: readonly Sectors[]): Sectors[] {
  const merged: Sectors[] = [];
  for (const next of sectors.toSorted((left, right) => left.lba - right.lba)) {
    const last = merged.at(-1);
    const end = last === undefined ? -1 : last.lba + last.sectorCount;
    if (last === undefined || next.lba > end) merged.push(next);
    else {
      const sectorCount = Math.max(end, next.lba + next.sectorCount) - last.lba;
      merged[merged.length - 1] = { lba: last.lba, sectorCount };
    }
  }
  return merged;
}
