/**
 * A `BlockStore` over a Map, with the damage a test asks for: what the engine's
 * tests use in place of packs.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import {
  type BlockPlace,
  type BlockReceiver,
  type BlockStore,
  type BlockWriter,
  type PackVerdict,
  SCORE_LENGTH,
  type WrittenPacks,
} from "../../cas/block_store.ts";
import { fromHex, scoreAt } from "../../cas/bytes.ts";
import type { IndexStatistics } from "../../cas/index/score_index.ts";
import type { Hasher } from "../../cas/score.ts";

/**
 * Each pack is a blob of JSON lines `kind score block`, put by `finish`; what is
 * known lives in `known`, as an index would keep it.
 */
export class MapBlocks implements BlockStore {
  readonly known: Map<string, { block: Uint8Array; pack: string }> = new Map();
  readonly packs: Set<string> = new Set();
  /** `kind:score` of blocks that are to be read as damaged. */
  readonly damaged: Set<string> = new Set();
  /** Blocks asked for, in the order asked. */
  readonly reads: string[] = [];
  rebuilds = 0;
  closed = false;
  readonly #store: BlobStore;
  readonly #hasher: Hasher;

  constructor(store: BlobStore, hasher: Hasher) {
    this.#store = store;
    this.#hasher = hasher;
  }

  get index(): IndexStatistics {
    return {
      entryCount: this.known.size,
      passedOverCount: 0,
      memoryBytes: 0,
      pageReads: 0,
    };
  }

  readonly shortage = undefined;

  get empty(): boolean {
    return this.packs.size === 0;
  }

  async read(
    kind: number,
    scores: Uint8Array,
    receive: BlockReceiver,
  ): Promise<void> {
    const count = scores.length / SCORE_LENGTH;
    const keys = Array.from(
      { length: count },
      (_, index) => `${kind}:${scoreAt(scores, index).toHex()}`,
    );
    await Promise.resolve();
    for (let index = count - 1; index >= 0; index--) {
      const key = keys[index]!;
      this.reads.push(key);
      const entry = this.known.get(key);
      if (entry === undefined) {
        receive(index, undefined, { reason: "no pack is known to hold it" });
      } else if (this.damaged.has(key)) {
        const reason = "its score is another";
        receive(index, undefined, { pack: entry.pack, reason });
      } else receive(index, entry.block, undefined);
    }
  }

  /** As if every block were stored in a quarter of its bytes. */
  locate(scores: Uint8Array, offset: number): BlockPlace | undefined {
    const score = scores.subarray(offset, offset + SCORE_LENGTH).toHex();
    for (const kind of [0, 1, 2, 3, 4, 5, 6, 7, 128]) {
      const entry = this.known.get(`${kind}:${score}`);
      if (entry === undefined) continue;
      const length = entry.block.length / 4;
      return { pack: entry.pack, offset: 0, length, codec: 0, suspect: false };
    }
    return undefined;
  }

  write(): BlockWriter {
    const added = new Map<string, Uint8Array>();
    return {
      findNew: (scores) => new Uint8Array(scores.length / SCORE_LENGTH),
      add: (kind, score, block): boolean => {
        const key = `${kind}:${score.toHex()}`;
        const known = this.known.has(key) && !this.damaged.has(key);
        if (known || added.has(key)) return false;
        added.set(key, block.slice());
        return true;
      },
      finish: () => this.#put(added),
    };
  }

  async #put(added: Map<string, Uint8Array>): Promise<WrittenPacks> {
    if (added.size === 0) return { packs: [], byteCount: 0 };
    const lines = [...added].map(([key, block]) => `${key} ${block.toHex()}`);
    const body = new TextEncoder().encode(lines.join("\n"));
    const name = this.#hasher.hash(body).toHex();
    await this.#store.put(packKey(name), body);
    this.#learn(name, lines);
    return { packs: [name], byteCount: body.length };
  }

  #learn(pack: string, lines: readonly string[]): void {
    this.packs.add(pack);
    for (const line of lines) {
      const [key, hex] = line.split(" ") as [string, string];
      this.known.set(key, { block: fromHex(hex), pack });
      this.damaged.delete(key);
    }
  }

  probe(): Promise<void> {
    return Promise.reject(
      new Error("Packs without directories are not probed"),
    );
  }

  knownPacks(): Iterable<string> {
    return this.packs;
  }

  forsakePacks(names: Iterable<string>): void {
    const gone = new Set(names);
    for (const [key, { pack }] of this.known) {
      if (gone.has(pack)) this.known.delete(key);
    }
  }

  forsakePack(name: string): void {
    this.forsakePacks([name]);
  }

  knowsPack(name: string): boolean {
    return this.packs.has(name);
  }

  /** A Map is never damaged. */
  mend(): Promise<number> {
    return Promise.resolve(this.rebuilds);
  }

  async addPacks(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const body = await this.#store.get(packKey(name));
      this.#learn(name, new TextDecoder().decode(body).split("\n"));
    }
  }

  async verifyPack(name: string): Promise<PackVerdict> {
    const bytes = await this.#store.get(packKey(name));
    const blockCount = new TextDecoder().decode(bytes).split("\n").length;
    const sound = this.#hasher.hash(bytes).toHex() === name;
    const fault = sound ? {} : { fault: "its hash is another one" };
    return { byteCount: bytes.length, blockCount, bad: [], ...fault };
  }

  async rebuild(progress?: (packsDone: number) => void): Promise<void> {
    this.rebuilds++;
    this.packs.clear();
    this.known.clear();
    for await (const { key } of this.#store.list("packs/")) {
      await this.addPacks([key.slice(key.lastIndexOf("/") + 1)]);
      progress?.(this.packs.size);
    }
  }

  fill(progress?: (packsDone: number) => void): Promise<void> {
    return this.rebuild(progress);
  }

  /** There are no copies of a Map. */
  prove(): Promise<void> {
    return Promise.resolve();
  }

  readonly packsIndexed: undefined = undefined;

  readonly restsOnCopies: boolean = false;

  dropCopies(): Promise<boolean> {
    return Promise.resolve(false);
  }

  copyIndex(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** The key of a pack's blob. */
export function packKey(name: string): string {
  return `packs/${name.slice(0, 2)}/${name}`;
}
