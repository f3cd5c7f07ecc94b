/**
 * Stores that are sound but for one thing, for the conformance suite to find.
 *
 * @module
 */

import {
  BlobError,
  type BlobStore,
  type FoundRanges,
  type GetOptions,
  type KeyedRange,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
} from "../../blobstores/blob_store.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";

/** A store that is sound until a method is replaced. */
export class AlteredStore extends MemoryStore {
  readonly space: MemorySpace;
  constructor(space: MemorySpace) {
    super({ space });
    this.space = space;
  }

  getRanges(ranges: readonly KeyedRange[]): Promise<FoundRanges> {
    return Promise.resolve(ranges.map(({ key, offset, length }) => {
      const blob = this.space.blobs.get(key);
      if (blob === undefined || offset + length > blob.length) return undefined;
      return new Uint8Array(blob.slice(offset, offset + length));
    }));
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

function withoutSignal<Options extends OperationOptions>(
  options: Options = {} as Options,
): Options {
  const { signal: _, ...rest } = options;
  return rest as Options;
}

export class ChangesBodies extends AlteredStore {
  override async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(key, options);
    if (bytes.length === 0) return new Uint8Array(1);
    return bytes.slice(0, Math.min(bytes.length - 1, 4 << 20));
  }
}

export class ForgetsOnReopen extends AlteredStore {
  constructor() {
    super(new MemorySpace());
  }
}

export class OffByOne extends AlteredStore {
  override async get(
    key: string,
    { range, ...options }: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(key, options);
    if (range === undefined) return bytes;
    return bytes.slice(range.offset, range.offset + range.length - 1);
  }
}

export class ClampsRanges extends AlteredStore {
  override async get(
    key: string,
    { range, ...options }: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(key, options);
    if (range === undefined) return bytes;
    return bytes.slice(range.offset, range.offset + range.length);
  }
}

export class InventsBlobs extends AlteredStore {
  override async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const exists = this.space.blobs.has(key);
    return exists ? await super.get(key, options) : new Uint8Array(1);
  }
}

export class MistakesFolders extends AlteredStore {
  override async head(
    key: string,
  ): Promise<{ key: string; size: number } | null> {
    const found = await super.head(key);
    if (found !== null) return found;
    for await (const _ of super.list(`${key}/`)) return { key, size: 4096 };
    return null;
  }
}

export class KeepsTheFirst extends AlteredStore {
  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    if (!this.space.blobs.has(key)) await super.put(key, body, options);
  }
}

export class WritesInPieces extends AlteredStore {
  override async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    const half = body.subarray(0, Math.floor(body.length / 2));
    if (half.length > 0) await super.put(key, half, options);
    await turns(20);
    await super.put(key, body, { ...options, ifAbsent: false });
  }
}

export class IgnoresIfAbsent extends AlteredStore {
  override async put(key: string, body: Uint8Array): Promise<void> {
    await super.put(key, body);
  }
}

export class LooksThenLeaps extends AlteredStore {
  override async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    if (options.ifAbsent && (await this.head(key)) !== null) {
      throw new BlobError("exists", { code: "AlreadyExists" });
    }
    await super.put(key, body, { ...options, ifAbsent: false });
  }
}

export class NoWinner extends AlteredStore {
  override async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    await super.put(key, body, options);
    if (options.ifAbsent) throw new BlobError("?", { code: "AlreadyExists" });
  }
}

export class KeepsBodies extends AlteredStore {
  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    await super.put(key, body, options);
    this.space.blobs.set(key, body as Uint8Array<ArrayBuffer>);
  }
}

export class SharesMemory extends AlteredStore {
  override async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(key, options);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    return shared as Uint8Array<ArrayBufferLike> as Uint8Array<ArrayBuffer>;
  }
}

export class LendsItsMemory extends AlteredStore {
  override async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    await super.get(key, options);
    const { offset = 0, length } = options?.range ?? {};
    const blob = this.space.blobs.get(key)!;
    return blob.subarray(
      offset,
      length === undefined ? length : offset + length,
    );
  }
}

export class IgnoresSignals extends AlteredStore {
  override put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    return super.put(key, body, withoutSignal(options));
  }
}

export class LeavesHalves extends AlteredStore {
  override async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    await super.put(key, body.subarray(1), options);
    await turns(3);
    await super.put(key, body, options);
  }
}

export class OnePage extends AlteredStore {
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<{ key: string; size: number }, void, undefined> {
    let count = 0;
    for await (const blob of super.list(prefix, options)) {
      if (count++ < 1000) yield blob;
    }
  }
}

export class LocaleOrder extends AlteredStore {
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<{ key: string; size: number }, void, undefined> {
    const blobs = await Array.fromAsync(super.list(prefix, options));
    const { compare } = new Intl.Collator("en", { numeric: true });
    yield* blobs.sort((left, right) => compare(left.key, right.key));
  }
}

export class FoldersAsPrefixes extends AlteredStore {
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<{ key: string; size: number }, void, undefined> {
    const folder = prefix.replace(/\/?$/, "/");
    yield* super.list(folder === "/" ? "" : folder, options);
  }
}

export class StartsAt extends AlteredStore {
  override async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<{ key: string; size: number }, void, undefined> {
    const start = options.startAfter ?? "";
    for await (const blob of super.list(prefix, withoutSignal(options))) {
      if (blob.key > start) yield blob;
    }
    const at = start === "" ? null : await this.head(start);
    if (at !== null && start.startsWith(prefix)) yield at;
  }
}

export class GuessesSizes extends AlteredStore {
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<{ key: string; size: number }, void, undefined> {
    for await (const { key } of super.list(prefix, options)) {
      yield { key, size: 4096 };
    }
  }
}

export class HidesDots extends AlteredStore {
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<{ key: string; size: number }, void, undefined> {
    for await (const blob of super.list(prefix, options)) {
      if (!/(^|\/)\./.test(blob.key)) yield blob;
    }
  }
}

export class TakesAnyKey extends AlteredStore {
  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    await super.put(key.toLowerCase(), body, options);
  }
}

export class FoldersReplaceBlobs extends AlteredStore {
  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    await super.put(key, body, options);
    const folder = key.slice(0, key.lastIndexOf("/"));
    this.space.blobs.delete(folder);
  }
}

export class ListsForEver extends AlteredStore {
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<{ key: string; size: number }, void, undefined> {
    yield* super.list(prefix, withoutSignal(options));
  }
}

export class ClaimsTooMuch extends AlteredStore {
  override readonly hold = undefined as unknown as MemoryStore["hold"];
}

export class AlwaysHeld extends AlteredStore {
  override hold(): Promise<{ release(): Promise<void> } | null> {
    return Promise.resolve({ release: () => Promise.resolve() });
  }
}

export class NeverLetsGo extends AlteredStore {
  override async close(): Promise<void> {}
}

export class ForgetsToDelete extends AlteredStore {
  override async delete(): Promise<void> {}
}

export class DeletesTooMuch extends AlteredStore {
  override async delete(key: string): Promise<void> {
    for await (const blob of this.list(key)) await super.delete(blob.key);
  }
}

export class SaysEnoent extends AlteredStore {
  override async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (this.space.blobs.has(key)) return await super.get(key, options);
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  }
}

/** The password of the stores that tell it. */
export const HUSH: string = "hush / 100%";

export class ShowsItsUrl extends AlteredStore {
  override readonly display: string = `memory://user:${HUSH}@shelf`;
}

export class KeepsTheRequest extends AlteredStore {
  override async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await super.get(key, options);
    } catch (error) {
      const url = `https://shelf/${key}?sig=${encodeURIComponent(HUSH)}`;
      throw Object.assign(error as Error, { request: { url } });
    }
  }
}

export type Breakage = new (space: MemorySpace) => BlobStore;
