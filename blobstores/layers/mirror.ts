/**
 * One store over several: what one loses, another has.
 *
 * A blob is put to all members, and stored when a quorum has it: more than half,
 * or half with the first. Two quorums always share a member. So of two writers
 * that create one key only one succeeds, and whoever asks a quorum learns of
 * everything that was ever stored; docs/decisions.md, "A mirror decides by
 * quorums", tells the rest.
 *
 * Packs are named by their content, so any copy that the reader accepts is right:
 * the quickest member is asked, the next when it fails, is slow, or has damage.
 * All other blobs are small and decide something: a quorum is asked.
 *
 * A member that was away, or missed a put, is filled up from the others when it
 * is back, in the background. `repair` also mends damage; it is for whoever can
 * tell right bytes from wrong.
 *
 * @module
 */

import {
  type BlobDescription,
  BlobError,
  blobErrorCode,
  type BlobStore,
  type Capabilities,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
} from "../blob_store.ts";
import {
  cancelled,
  checkKey,
  checkPrefix,
  checkRange,
  throwIfCancelled,
} from "../operation.ts";
import type { LayerClock } from "./layer.ts";
import { isQuorum, mayDeny, type MirrorMember } from "./mirror_member.ts";
import { MirrorHealer } from "./mirror_healer.ts";
import { listUnion } from "./mirror_listing.ts";
import { type Asked, putEverywhere, putFirst } from "./mirror_put.ts";
import { readAny, readQuorum } from "./mirror_read.ts";
import {
  type MirrorRepair,
  type MirrorRepairOptions,
  repairMirror,
} from "./mirror_repair.ts";

/** Keys of blobs that are named by their content. */
const CONTENT_PREFIX = "packs/";

/** Damaged copies that are remembered, so as not to be told again. */
const DAMAGED_MAX = 10_000;

/** Options of a `MirrorStore`. */
export interface MirrorOptions {
  /** The members, opened as far as they could be: a quorum. Owned. */
  readonly members: readonly MirrorMember[];
  /** So many members must have a blob before its put resolves, if that is more than a quorum. */
  readonly writeCountMin: number;
  /** Looks at a member that was away before it is used again; rejects with what is wrong. */
  readonly admit: (member: MirrorMember) => Promise<void>;
  /** Time. */
  readonly clock: LayerClock;
  /** Told what an operator should know. */
  readonly report: (message: string) => void;
}

/** A store over several. */
export class MirrorStore implements BlobStore {
  /** All members, in their order: `store` is a member's own store while it is open. */
  readonly members: readonly MirrorMember[];
  readonly #options: MirrorOptions;
  readonly #healer: MirrorHealer;
  /** Copies that were reported. */
  readonly #damaged = new Set<string>();

  /** Takes over the members. */
  constructor(options: MirrorOptions) {
    this.#options = options;
    this.members = options.members;
    this.#healer = new MirrorHealer({
      ...options,
      repair: (members, signal) =>
        repairMirror(this.members, { members, signal }),
    });
    this.#healer.look();
  }

  /** The URLs of all members. */
  get display(): string {
    return `mirror:${this.members.map(({ display }) => display).join(" ")}`;
  }

  /** What all members that are open can do. */
  get capabilities(): Capabilities {
    const stores = this.members.flatMap(({ store }) => store ?? []);
    const lacking = stores.find((it) => !it.capabilities.createExclusive);
    const reason = lacking?.capabilities.createExclusiveFault ??
      "it has no create-if-absent; use it with --read-only, or leave it out";
    return {
      createExclusive: lacking === undefined,
      ...(lacking === undefined
        ? {}
        : { createExclusiveFault: `${lacking.display}: ${reason}` }),
      // A member that is away could not be held, nor let go.
      hold: false,
      concurrencyMax: Math.min(
        ...stores.map((it) => it.capabilities.concurrencyMax),
      ),
    };
  }

  async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    checkKey(key);
    const action = `put "${key}" in ${this.display}`;
    throwIfCancelled(options.signal, action);
    // Who puts a pack first does not matter: it is the same for all.
    const isContest = options.ifAbsent === true &&
      !key.startsWith(CONTENT_PREFIX);
    const asked = isContest
      ? await putFirst(this.members, key, body, options)
      : await putEverywhere(this.members, key, body, options);
    this.#settle(asked, { action, options, isContest });
  }

  async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkKey(key);
    checkRange(options.range, key);
    const action = `get "${key}" from ${this.display}`;
    throwIfCancelled(options.signal, action);
    try {
      const found = key.startsWith(CONTENT_PREFIX)
        ? await readAny(this.members, key, options, this.#options.clock)
        : await readQuorum(this.members, key, options);
      this.#note(found.lacking);
      for (const member of found.damaged) this.#reportDamage(key, member);
      return found.bytes;
    } catch (error) {
      if (options.signal?.aborted) throw cancelled(action, error);
      throw error;
    }
  }

  async head(
    key: string,
    options: OperationOptions = {},
  ): Promise<BlobDescription | null> {
    checkKey(key);
    throwIfCancelled(options.signal, `look for "${key}" in ${this.display}`);
    const none: MirrorMember[] = [];
    const failures: unknown[] = [];
    const found = await Promise.all(this.members.map(async (member) => {
      try {
        const blob = await member.ask((store) => store.head(key, options));
        if (blob === null) none.push(member);
        return blob;
      } catch (error) {
        failures.push(error);
        return null;
      }
    }));
    const blob = found.find((it) => it !== null);
    if (blob !== undefined) this.#note(none);
    if (blob !== undefined || mayDeny(none, this.members)) {
      return blob ?? null;
    }
    throw options.signal?.aborted
      ? cancelled(`look for "${key}" in ${this.display}`, failures[0])
      : noQuorum(`look for "${key}" in ${this.display}`, failures);
  }

  async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<BlobDescription, void, undefined> {
    checkPrefix(prefix);
    checkPrefix(options.startAfter ?? "");
    const action = `list "${prefix}" in ${this.display}`;
    throwIfCancelled(options.signal, action);
    for await (const entry of listUnion(this.members, prefix, options)) {
      throwIfCancelled(options.signal, action);
      if (entry instanceof Error) {
        if (options.signal?.aborted) throw cancelled(action, entry);
        throw noQuorum(action, [entry]);
      }
      yield { key: entry.key, size: entry.size };
    }
  }

  /**
   * Copies to members what they lack; with `verify` also mends copies that are
   * not right. For whoever repairs an archive: the mirror itself cannot tell
   * whether bytes are those of a pack or a root, an archive can. Meanwhile nothing
   * is filled up in the background.
   */
  repair(options: MirrorRepairOptions = {}): Promise<MirrorRepair> {
    return this.#healer.instead(() => repairMirror(this.members, options));
  }

  /** Also ends what runs in the background. */
  async close(): Promise<void> {
    await this.#healer.close();
    await Promise.all(this.members.map(({ store }) => store?.close()));
  }

  /** Decides what a put came to, and notes who missed it. */
  #settle(
    asked: Asked,
    { action, options, isContest }: {
      readonly action: string;
      readonly options: PutOptions;
      readonly isContest: boolean;
    },
  ): void {
    const { stored, same, others, failures } = asked;
    const have = [...stored, ...same];
    const count = this.members.length;
    const isFree = !isContest || mayDeny([...have, ...others], this.members);
    const isStored = isQuorum(have, count) && isFree &&
      have.length >= this.#options.writeCountMin;
    if (isStored && stored.length > 0) {
      const missed = this.members.filter((it) => !have.includes(it));
      if (others.length > 0) {
        this.#options.report(
          `Cannot ${action} at ${
            others.map(({ display }) => display).join(" and ")
          }: it holds another blob there, which counts no more. "repair --store", with the URL of the mirror, replaces it, or lists it where no more than half of the members have the right one`,
        );
      }
      return this.#note(missed.filter((it) => !others.includes(it)));
    }
    const possible = this.members.filter((it) => !others.includes(it));
    const isTaken = isStored || !isQuorum(possible, count);
    if (isTaken) {
      throw new BlobError(`Cannot ${action}: it exists already`, {
        code: "AlreadyExists",
      });
    }
    if (options.signal?.aborted) throw cancelled(action, failures[0]);
    throw noQuorum(action, failures);
  }

  /** Says once for each copy what is wrong with it. */
  #reportDamage(key: string, { display }: MirrorMember): void {
    const copy = `"${key}" in ${display}`;
    if (this.#damaged.has(copy)) return;
    if (this.#damaged.size >= DAMAGED_MAX) this.#damaged.clear();
    this.#damaged.add(copy);
    this.#options.report(
      `The copy of ${copy} is damaged; another one is served. "repair --store", with the URL of the mirror, mends it`,
    );
  }

  #note(lacking: readonly MirrorMember[]): void {
    if (lacking.length === 0) return;
    for (const member of lacking) member.behind = true;
    this.#healer.look();
  }
}

/** Too few members answered. */
function noQuorum(action: string, failures: readonly unknown[]): BlobError {
  const reasons = failures.map((error) =>
    error instanceof Error ? error.message : String(error)
  );
  const answer = failures.find((error) => blobErrorCode(error) === "NoSpace");
  return new BlobError(
    `Cannot ${action}: too few members of the mirror answered (${
      reasons.join("; ")
    })`,
    {
      code: answer === undefined ? "Unavailable" : "NoSpace",
      retryable: true,
      cause: failures[0],
    },
  );
}
