/**
 * Mends an archive from copies of it: what is damaged or missing is fetched from
 * a copy, verified, and put back under its own key, with the very bytes that it
 * had. So nothing that refers to it changes, a repair that was interrupted is
 * simply begun again, and one of a sound archive writes nothing.
 *
 * Packs, roots and names are mended. Claims and calls are of no use to anybody
 * but the servers that put them; `format` is made again from a claim.
 *
 * A sound blob is never replaced. A root that is missing is taken only where it
 * fits between those that are there: a copy that another server has written to
 * since holds another history.
 *
 * @module
 */

import { blobErrorCode } from "../../blobstores/blob_store.ts";
import type { Lz4 } from "../codec/lz4.ts";
import { packKey, packNameOf } from "../packs/pack_files.ts";
import type { ClaimHolder } from "./claim_record.ts";
import type { EngineContext } from "./context.ts";
import { mendFormat } from "./mend_format.ts";
import { NAMES_PREFIX, RETIRED_PREFIX, ROOTS_PREFIX } from "./names.ts";
import { type Found, RepairBlobs } from "./repair_blobs.ts";
import { RepairClaim } from "./repair_claim.ts";
import { listBoth, type Listing, requireCopy } from "./repair_copies.ts";
import { RepairHistory } from "./repair_history.ts";
import type {
  MendedBlob,
  RepairResult,
  UnmendedBlob,
} from "./repair_result.ts";

const PACKS_PREFIX = "packs/";
/** What is mended, in this order: packs are there before a root names them. */
const PREFIXES: readonly string[] = [
  PACKS_PREFIX,
  ROOTS_PREFIX,
  NAMES_PREFIX,
  RETIRED_PREFIX,
];

const MISSING = "it is missing, here and in every copy";

/** How to repair. */
export interface RepairOptions {
  /** The archive to be mended. */
  readonly here: EngineContext;
  /** Copies of it, the best first. */
  readonly copies: readonly EngineContext[];
  /** Decompresses blocks. */
  readonly lz4: Lz4;
  /**
   * Read and verify only what has another length in a copy, and these keys;
   * everything when absent.
   */
  readonly suspects?: ReadonlySet<string>;
  /**
   * Who claims the archive where a root that is newer than all that are there is
   * to be taken; with a claim of another it is not.
   */
  readonly holder: ClaimHolder;
  /** Told how many bytes of how many were read here. */
  readonly progress: (bytesDone: number, bytesTotal: number) => void;
}

/**
 * Repairs. Rejects with `NoArchive` or `OtherVolume` when a copy is none. What
 * ends it later, such as a server that takes the archive over meanwhile, is part
 * of the result: what was mended until then stays mended.
 */
export async function repairArchive(
  options: RepairOptions,
): Promise<RepairResult> {
  const claim = new RepairClaim(options.here, options.holder);
  try {
    return await new Repair(options, claim).run();
  } finally {
    await claim.release();
  }
}

class Repair {
  readonly #options: RepairOptions;
  readonly #claim: RepairClaim;
  readonly #blobs: RepairBlobs;
  readonly #history: RepairHistory;
  readonly #mended: MendedBlob[] = [];
  readonly #unmended: UnmendedBlob[] = [];
  /** Names of packs that are there, and of which no damage is known. */
  readonly #packs = new Set<string>();
  /** What is wrong with packs that are only in copies. */
  readonly #absent = new Map<string, string>();
  #verifiedCount = 0;
  #bytesDone = 0;
  #bytesTotal = 0;

  constructor(options: RepairOptions, claim: RepairClaim) {
    this.#options = options;
    this.#claim = claim;
    this.#blobs = new RepairBlobs(options.here, options.lz4);
    this.#history = new RepairHistory(options.here.hasher, claim);
  }

  async run(): Promise<RepairResult> {
    const { here, copies } = this.#options;
    for (const copy of copies) await requireCopy(here, copy);
    try {
      await this.#mendEverything();
    } catch (stopped) {
      return { ...this.#result(), stopped };
    }
    return this.#result();
  }

  async #mendEverything(): Promise<void> {
    const { here, copies } = this.#options;
    const format = await mendFormat(here, copies);
    if (format !== undefined) this.#mended.push(format);
    const listings = new Map<string, Listing>();
    for (const prefix of PREFIXES) {
      const listing = await listBoth(prefix, here, copies);
      listings.set(prefix, listing);
      if (prefix === PACKS_PREFIX) {
        this.#history.packsBefore = new Set(listing.here.keys());
      }
      this.#bytesTotal += sum(listing.here.values());
    }
    for (const listing of listings.values()) await this.#mendAll(listing);
    const known = new Set(this.#unmended.map(({ key }) => key));
    for (const name of this.#history.packNames) {
      const key = packKey(name);
      if (this.#packs.has(name) || known.has(key)) continue;
      const reason = this.#absent.get(key) ?? MISSING;
      this.#unmended.push({ key, reason });
    }
  }

  #result(): RepairResult {
    return {
      verifiedCount: this.#verifiedCount,
      mended: this.#mended,
      unmended: this.#unmended,
    };
  }

  async #mendAll({ here, there }: Listing): Promise<void> {
    const { suspects } = this.#options;
    await this.#addRoots(here.keys());
    const keys = new Set([...here.keys(), ...there.keys()]);
    for (const key of [...keys].sort()) {
      this.#claim.throwIfLost();
      const size = here.get(key);
      this.#bytesDone += size ?? 0;
      this.#options.progress(this.#bytesDone, this.#bytesTotal);
      const sizes = there.get(key);
      const isPack = packNameOf(key) !== undefined;
      const sure = suspects !== undefined && !suspects.has(key) && isPack &&
        size !== undefined && (sizes?.every((it) => it === size) ?? true);
      if (sure) this.#packs.add(packNameOf(key)!);
      else await this.#mend(key, size !== undefined);
    }
    this.#findGaps();
  }

  /** All sound roots first: one that is put back must fit between its neighbours. */
  async #addRoots(keys: Iterable<string>): Promise<void> {
    for (const key of keys) {
      if (!key.startsWith(ROOTS_PREFIX)) return;
      this.#history.see(key);
      const found = await this.#blobs.read(this.#options.here, key);
      if (found instanceof Uint8Array) this.#accept(key, found);
    }
  }

  async #mend(key: string, isHere: boolean): Promise<void> {
    const { here, copies } = this.#options;
    const own: Found = isHere
      ? await this.#blobs.read(here, key)
      : { fault: "it is missing" };
    if (isHere) this.#verifiedCount++;
    if (own instanceof Uint8Array) return this.#accept(key, own);
    const faults = [own.fault];
    for (const copy of copies) {
      const found = await this.#blobs.read(copy, key);
      const bytes = found instanceof Uint8Array
        ? found
        : await this.#blobs.splice(key, own.bytes, found.bytes);
      const fault = bytes === undefined
        ? (found as { fault: string }).fault
        : await this.#history.objection(key, bytes, own.bytes);
      if (bytes === undefined || fault !== undefined) {
        faults.push(`in ${copy.store.display}: ${fault}`);
        continue;
      }
      await this.#claim.check();
      try {
        await here.retry.run(
          `put "${key}" into ${here.store.display}`,
          () => here.store.put(key, bytes, isHere ? {} : { ifAbsent: true }),
        );
      } catch (error) {
        if (blobErrorCode(error) !== "AlreadyExists") throw error;
        // A server has put it since it was listed.
        return await this.#mend(key, true);
      }
      const { length: byteCount } = bytes;
      this.#mended.push({ key, reason: own.fault, byteCount });
      // Of a writer that came while the put was on its way.
      await this.#claim.check();
      return this.#accept(key, bytes);
    }
    const reason = faults.join("; ");
    // A damaged pack of a copy concerns nobody unless a root here needs it,
    if (!isHere && packNameOf(key) !== undefined) this.#absent.set(key, reason);
    // nor a name that somebody gave there.
    else if (isHere || !key.startsWith(NAMES_PREFIX)) {
      this.#unmended.push({ key, reason });
    }
  }

  #accept(key: string, bytes: Uint8Array): void {
    const pack = packNameOf(key);
    if (pack !== undefined) this.#packs.add(pack);
    this.#history.add(key, bytes);
  }

  #findGaps(): void {
    const known = new Set(this.#unmended.map(({ key }) => key));
    for (const key of this.#history.takeGaps()) {
      if (known.has(key)) continue;
      this.#unmended.push({ key, reason: MISSING });
    }
  }
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
