/**
 * The history that a repair keeps to: which roots and names of a copy belong to
 * the archive that is mended, and which to another one that began as its copy.
 *
 * @module
 */

import type { Hasher } from "../score.ts";
import { packKey } from "../packs/pack_files.ts";
import { rootOfBlob } from "./blob_verdict.ts";
import { NAMES_PREFIX, rootKey, ROOTS_PREFIX } from "./names.ts";
import type { RepairClaim } from "./repair_claim.ts";
import { isOtherRoot } from "./root.ts";
import type { PublishedRoot } from "./root_blob.ts";
import { RootChain } from "./root_chain.ts";
import { decodeSealedText } from "./sealed_text.ts";

const OTHER_HISTORY = "it belongs to another history";

/** The roots that are there, and what fits between them. */
export class RepairHistory {
  /** Keys of packs that were there before, sound or not. */
  packsBefore: ReadonlySet<string> = new Set();
  readonly #hasher: Hasher;
  readonly #claim: RepairClaim;
  readonly #chain = new RootChain();
  /** Packs that roots name. */
  readonly #named = new Set<string>();
  /** Hashes of roots of copies that are of another history. */
  readonly #foreign = new Set<string>();

  /** No root is known yet. The claim is taken for a newest root. */
  constructor(hasher: Hasher, claim: RepairClaim) {
    this.#hasher = hasher;
    this.#claim = claim;
  }

  /** Names of the packs that the roots need. */
  get packNames(): Iterable<string> {
    return this.#named;
  }

  /** Notes that there is a blob of this root, sound or not. */
  see(key: string): void {
    this.#chain.see([key]);
  }

  /** Adds a sound blob, which counts if it is a root. */
  add(key: string, bytes: Uint8Array): void {
    if (!key.startsWith(ROOTS_PREFIX)) return;
    const root = rootOfBlob(key, bytes, this.#hasher);
    if (typeof root === "string") return;
    this.#chain.add(root);
    for (const name of root.packs) this.#named.add(name);
  }

  /** Why a sound blob of a copy is not taken; `rest` is what is left of it here. */
  async objection(
    key: string,
    bytes: Uint8Array,
    rest: Uint8Array | undefined,
  ): Promise<string | undefined> {
    const hasher = this.#hasher;
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
      this.packsBefore.has(packKey(last));
    if (isProven || !this.#chain.isHead(root)) return undefined;
    if (rest !== undefined && isOtherRoot(rest, bytes)) {
      return this.#refuse(root);
    }
    return await this.#claim.take()
      ? undefined
      : "a server holds this archive, and would not notice another newest root: stop it, and repair again";
  }

  /** Keys of roots that are missing between those seen since the last call. */
  takeGaps(): string[] {
    return this.#chain.takeGaps().map(({ volumeId, sequence }) =>
      rootKey(volumeId, sequence)
    );
  }

  #refuse({ hash }: PublishedRoot): string {
    this.#foreign.add(hash);
    return OTHER_HISTORY;
  }
}
