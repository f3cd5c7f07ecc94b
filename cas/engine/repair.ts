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
import { BlockVerifier } from "../packs/block_verifier.ts";
import { packKey, packNameOf } from "../packs/pack_files.ts";
import { splicePack } from "../packs/pack_splice.ts";
import { verifyPackFile } from "../packs/pack_verifier.ts";
import { faultOfBlob, rootOfBlob } from "./blob_verdict.ts";
import { readBlob } from "./blobs.ts";
import type { ClaimHolder } from "./claim_record.ts";
import type { EngineContext } from "./context.ts";
import { mendFormat } from "./mend_format.ts";
import {
  NAMES_PREFIX,
  RETIRED_PREFIX,
  rootKey,
  ROOTS_PREFIX,
} from "./names.ts";
import { RepairClaim } from "./repair_claim.ts";
import { listBoth, type Listing, requireCopy } from "./repair_copies.ts";
import { isOtherRoot } from "./root.ts";
import type { PublishedRoot } from "./root_blob.ts";
import { RootChain } from "./root_chain.ts";
import { decodeSealedText } from "./sealed_text.ts";

const PACKS_PREFIX = "packs/";
/** What is mended, in this order: packs are there before a root names them. */
const PREFIXES: readonly string[] = [
  PACKS_PREFIX,
  ROOTS_PREFIX,
  NAMES_PREFIX,
  RETIRED_PREFIX,
];

const OTHER_HISTORY = "it belongs to another history";
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

/** A blob that was mended. */
export interface MendedBlob {
  /** Its key. */
  readonly key: string;
  /** What was wrong with it, as half a sentence. */
  readonly reason: string;
  /** Its bytes. */
  readonly byteCount: number;
}

/** A blob that could not be mended. */
export interface UnmendedBlob {
  /** Its key. */
  readonly key: string;
  /** What is wrong with it here and in the copies, as half a sentence. */
  readonly reason: string;
}

/** What a repair did. */
export interface RepairResult {
  /** Blobs read and verified here. */
  readonly verifiedCount: number;
  /** Mended, in the order of their keys. */
  readonly mended: readonly MendedBlob[];
  /** Not mended. */
  readonly unmended: readonly UnmendedBlob[];
}

/**
 * Repairs. Rejects with `NoArchive` or `OtherVolume` when a copy is none, and
 * with `LostClaim` when a server takes the archive over meanwhile.
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

/** Bytes of a blob, or what is wrong with them. */
type Found = Uint8Array | {
  readonly fault: string;
  readonly bytes?: Uint8Array;
};

class Repair {
  readonly #options: RepairOptions;
  readonly #claim: RepairClaim;
  readonly #verifier: BlockVerifier;
  readonly #mended: MendedBlob[] = [];
  readonly #unmended: UnmendedBlob[] = [];
  readonly #chain = new RootChain();
  /** Packs that roots name. */
  readonly #named = new Set<string>();
  readonly #packs = new Set<string>();
  /** Hashes of roots of copies that are of another history. */
  readonly #foreign = new Set<string>();
  /** Packs that were there before, sound or not. */
  #packsBefore: ReadonlySet<string> = new Set();
  /** What is wrong with packs that are only in copies. */
  readonly #absent = new Map<string, string>();
  #verifiedCount = 0;
  #bytesDone = 0;
  #bytesTotal = 0;

  constructor(options: RepairOptions, claim: RepairClaim) {
    this.#options = options;
    this.#claim = claim;
    this.#verifier = new BlockVerifier(options.here.hasher, options.lz4);
  }

  async run(): Promise<RepairResult> {
    const { here, copies } = this.#options;
    for (const copy of copies) await requireCopy(here, copy);
    const format = await mendFormat(here, copies);
    if (format !== undefined) this.#mended.push(format);
    const listings = new Map<string, Listing>();
    for (const prefix of PREFIXES) {
      const listing = await listBoth(prefix, here, copies);
      listings.set(prefix, listing);
      if (prefix === PACKS_PREFIX) {
        this.#packsBefore = new Set(listing.here.keys());
      }
      this.#bytesTotal += sum(listing.here.values());
    }
    for (const listing of listings.values()) await this.#mendAll(listing);
    for (const name of this.#named) {
      if (this.#packs.has(name)) continue;
      const key = packKey(name);
      const reason = this.#absent.get(key) ?? MISSING;
      this.#unmended.push({ key, reason });
    }
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
      this.#chain.see([key]);
      const found = await this.#read(this.#options.here, key);
      if (found instanceof Uint8Array) this.#accept(key, found);
    }
  }

  async #mend(key: string, isHere: boolean): Promise<void> {
    const { here, copies } = this.#options;
    const own: Found = isHere
      ? await this.#read(here, key)
      : { fault: "it is missing" };
    if (isHere) this.#verifiedCount++;
    if (own instanceof Uint8Array) return this.#accept(key, own);
    const faults = [own.fault];
    for (const copy of copies) {
      const found = await this.#read(copy, key);
      const bytes = found instanceof Uint8Array
        ? found
        : await this.#splice(key, own.bytes, found.bytes);
      const fault = bytes === undefined
        ? (found as { fault: string }).fault
        : await this.#objection(key, bytes, own.bytes);
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
      // Of a writer that came while the put was on its way.
      await this.#claim.check();
      this.#mended.push({ key, reason: own.fault, byteCount });
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

  async #read(context: EngineContext, key: string): Promise<Found> {
    const { hasher, clock } = context;
    let bytes: Uint8Array | undefined;
    try {
      bytes = await readBlob(context, key);
    } catch (error) {
      if (blobErrorCode(error) !== "Corrupt") throw error;
      return { fault: (error as Error).message };
    }
    if (bytes === undefined) return { fault: "it is missing" };
    const pack = packNameOf(key);
    if (pack === undefined) {
      const fault = faultOfBlob(key, bytes, hasher);
      return fault === undefined ? bytes : { fault, bytes };
    }
    const { fault } = await verifyPackFile(pack, bytes, {
      hasher,
      verifier: this.#verifier,
      yieldNow: () => clock.yieldNow(),
    });
    return fault === undefined ? bytes : { fault, bytes };
  }

  /** One whole pack of two damaged ones, where they are damaged in different blocks. */
  async #splice(
    key: string,
    own: Uint8Array | undefined,
    other: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const name = packNameOf(key);
    if (name === undefined || own === undefined || other === undefined) {
      return undefined;
    }
    const { hasher } = this.#options.here;
    await this.#options.here.clock.yieldNow();
    return splicePack(name, [own, other], { hasher, verifier: this.#verifier });
  }

  /** Why a sound blob of a copy is not taken; `rest` is what is left of it here. */
  async #objection(
    key: string,
    bytes: Uint8Array,
    rest: Uint8Array | undefined,
  ): Promise<string | undefined> {
    const { here: { hasher } } = this.#options;
    if (key.startsWith(NAMES_PREFIX)) {
      const { volumeId, sequence, rootHash } = decodeSealedText(bytes, hasher)!;
      const state = { sequence: Number(sequence), hash: String(rootHash) };
      const isForeign = this.#foreign.has(state.hash) ||
        this.#chain.denies(String(volumeId), state);
      return isForeign ? OTHER_HISTORY : undefined;
    }
    if (!key.startsWith(ROOTS_PREFIX)) return undefined;
    const root = rootOfBlob(key, bytes, hasher);
    if (typeof root === "string") return root;
    if (!this.#chain.fits(root)) return this.#refuse(root);
    // Its own pack was put before it: it is the root that stood here.
    const last = root.packs.at(-1);
    const isProven = rest !== undefined && last !== undefined &&
      this.#packsBefore.has(packKey(last));
    if (isProven || !this.#chain.isHead(root)) return undefined;
    if (rest !== undefined && isOtherRoot(rest, bytes)) {
      return this.#refuse(root);
    }
    return await this.#claim.take()
      ? undefined
      : "a server holds this archive, and would not notice another newest root: stop it, and repair again";
  }

  #refuse({ hash }: PublishedRoot): string {
    this.#foreign.add(hash);
    return OTHER_HISTORY;
  }

  #accept(key: string, bytes: Uint8Array): void {
    const pack = packNameOf(key);
    if (pack !== undefined) this.#packs.add(pack);
    if (!key.startsWith(ROOTS_PREFIX)) return;
    const root = rootOfBlob(key, bytes, this.#options.here.hasher);
    if (typeof root === "string") return;
    this.#chain.add(root);
    for (const name of root.packs) this.#named.add(name);
  }

  #findGaps(): void {
    const known = new Set(this.#unmended.map(({ key }) => key));
    for (const { volumeId, sequence } of this.#chain.takeGaps()) {
      const key = rootKey(volumeId, sequence);
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
