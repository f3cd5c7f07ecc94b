/** What the tests of transfers share: archives in memory, images, and places to export to. */

import { MemorySpace } from "../../blobstores/memory_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { BLOCK_SIZE, BlockPool } from "../../cas/block_pool.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import type { EngineContext } from "../../cas/engine/context.ts";
import { openArchive } from "../../cas/engine/open_archive.ts";
import { Retry } from "../../cas/engine/retry.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import type { ImageSource } from "../../cas/transfer/image_source.ts";
import type { ImageSink } from "../../cas/transfer/state_export.ts";
import type { TransferContext } from "../../cas/transfer/transfer_context.ts";
import { hasher, PliableStore } from "./packs_rig.ts";

const lz4 = createPortableLz4();

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** An open archive in memory, and what transfers with it need. */
export class TransferRig implements AsyncDisposable {
  /** The blobs; they outlive the archive. */
  readonly space: MemorySpace;
  /** The store that transfers use; its operations pass through the test. */
  readonly store: PliableStore;
  /** The archive. */
  readonly archive: OpenedArchive;

  private constructor(store: PliableStore, archive: OpenedArchive) {
    this.space = store.space;
    this.store = store;
    this.archive = archive;
  }

  /** Opens the archive of a space, or a new one. */
  static async open(
    space: MemorySpace = new MemorySpace(),
  ): Promise<TransferRig> {
    const own = new PliableStore(space);
    const archive = await openArchive({
      store: own,
      openBlocks: () =>
        Promise.resolve(openPacks({
          store: own,
          index: new MemoryIndex(),
          hasher,
          lz4,
          onEvent: () => {},
          sleep: systemClock.sleep,
        })),
      hasher,
      pool: BlockPool.allocate(16),
      access: "write",
      create: true,
      stateId: "5".repeat(32),
      holder: { host: "test" },
      clock: systemClock,
      random,
      onEvent: () => {},
    });
    return new TransferRig(new PliableStore(space), archive);
  }

  /** For transfers. */
  get context(): TransferContext & { readonly engine: EngineContext } {
    return {
      archive: this.archive,
      store: this.store,
      hasher,
      lz4,
      onEvent: () => {},
      sleep: systemClock.sleep,
      engine: engineOf(this.store),
    };
  }

  /** Keys of the packs. */
  get packs(): string[] {
    return [...this.space.blobs.keys()].filter((key) =>
      key.startsWith("packs/")
    ).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.archive.close();
  }
}

/** The engine's surroundings over a store. */
export function engineOf(store: PliableStore): EngineContext {
  const onEvent = (): void => {};
  const { signal } = new AbortController();
  const clock = systemClock;
  return {
    store,
    hasher,
    clock,
    random,
    onEvent,
    retry: new Retry({ clock, onEvent, signal }),
  };
}

/** An image of some blocks among zeros. */
export class TestImage implements ImageSource {
  readonly display = "test.img";
  readonly byteCount: number;
  /** Blocks by number. */
  readonly blocks: ReadonlyMap<number, Uint8Array>;
  /** True to tell where the holes are. */
  readonly tellsHoles: boolean;
  /** Bytes that were read. */
  bytesRead = 0;
  /** Reads fail from this byte on. */
  failsFrom: number = Infinity;

  constructor(
    byteCount: number,
    blocks: ReadonlyMap<number, Uint8Array>,
    tellsHoles = true,
  ) {
    this.byteCount = byteCount;
    this.blocks = blocks;
    this.tellsHoles = tellsHoles;
  }

  holeLength(offset: number): number {
    if (!this.tellsHoles) return 0;
    const from = Math.floor(offset / BLOCK_SIZE);
    let next = Infinity;
    for (const block of this.blocks.keys()) {
      if (block >= from) next = Math.min(next, block);
    }
    return Math.max(0, next * BLOCK_SIZE - offset);
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    if (offset >= this.failsFrom) {
      return Promise.reject(new Error("The test ends the image here"));
    }
    this.bytesRead += into.length;
    for (let at = 0; at < into.length; at += BLOCK_SIZE) {
      const block = this.blocks.get((offset + at) / BLOCK_SIZE);
      if (block === undefined) continue;
      into.set(block.subarray(0, Math.min(BLOCK_SIZE, into.length - at)), at);
    }
    return Promise.resolve();
  }
}

/** Takes an export, block by block; as a disk does, it loses what is neither written nor kept. */
export class TestSink implements ImageSink {
  readonly blocks: Map<number, Uint8Array>;
  #nextBlock = 0;
  /** Set by `finish`. */
  byteCount: number | undefined;
  /** Set to read back what is there. */
  readBack?: NonNullable<ImageSink["readBack"]>;

  constructor(there?: ReadonlyMap<number, Uint8Array>) {
    this.blocks = new Map(there);
    if (there === undefined) return;
    this.readBack = (offset, length) => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += BLOCK_SIZE) {
        const block = there.get((offset + at) / BLOCK_SIZE);
        if (block !== undefined) bytes.set(block, at);
      }
      return Promise.resolve(bytes);
    };
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#pass(offset, bytes.length);
    for (let at = 0; at < bytes.length; at += BLOCK_SIZE) {
      const block = bytes.slice(at, at + BLOCK_SIZE);
      this.blocks.set((offset + at) / BLOCK_SIZE, block);
    }
    return Promise.resolve();
  }

  keep(offset: number, length: number): Promise<void> {
    this.#pass(offset, length);
    return Promise.resolve();
  }

  finish(byteCount: number): Promise<void> {
    this.#pass(byteCount, 0);
    this.byteCount = byteCount;
    return Promise.resolve();
  }

  #pass(offset: number, length: number): void {
    const first = offset / BLOCK_SIZE;
    for (const block of this.blocks.keys()) {
      if (block >= this.#nextBlock && block < first) this.blocks.delete(block);
    }
    this.#nextBlock = first + length / BLOCK_SIZE;
  }
}
