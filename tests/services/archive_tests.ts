/**
 * An archive in a remote store: engine and packs over it, and two servers that
 * both want to write it.
 */

import assert from "node:assert/strict";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { ArchivePort } from "../../cas/archive_port.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import type { ArchiveOptions } from "../../cas/engine/archive_options.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import {
  assertHolds,
  Bench,
  hasher,
  Model,
  whole,
  type Write,
} from "../cas/engine_bench.ts";

const BLOCK_COUNT = 100_000;
/** Written ones and others. */
export const READ_BLOCKS: readonly number[] = [
  0,
  1,
  2,
  127,
  128,
  40_000,
  BLOCK_COUNT - 1,
];

export { assertHolds, Model };

/** Opens the same place, as another server would, at each call. */
export type OpenPlace = () => Promise<BlobStore>;

/** Options of {@link testArchiveIn}. */
export interface ArchiveTestOptions {
  /** Registers a test. */
  readonly register: (name: string, body: () => Promise<void>) => void;
  /** Names an empty place. */
  readonly newPlace: () => OpenPlace;
}

/** A server with nothing of its own: its index is empty, as on a new machine. */
export class Server implements AsyncDisposable {
  /** What the engine is run with. */
  readonly bench: Bench;
  /** The open archive. */
  readonly archive: ArchivePort;

  private constructor(bench: Bench, archive: ArchivePort) {
    this.bench = bench;
    this.archive = archive;
  }

  /** Opens the archive, making it if it is missing. */
  static async open(
    place: OpenPlace,
    options: Partial<ArchiveOptions> = {},
  ): Promise<Server> {
    const store = await place();
    const bench = new Bench(undefined, store);
    try {
      const archive = await bench.open({
        clock: systemClock,
        openBlocks: () =>
          Promise.resolve(openPacks({
            store,
            index: new MemoryIndex(),
            hasher,
            lz4: createPortableLz4(),
            onEvent: (event) => bench.events.push(event),
            sleep: systemClock.sleep,
          })),
        ...options,
      });
      return new Server(bench, archive);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Opens the disk, making it if it is missing. */
  async openDisk(): Promise<number> {
    const request = { volume: "disk", createBlockCount: BLOCK_COUNT };
    return (await this.archive.openView(request)).view;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.archive.close();
  }
}

/** Writes of one checkpoint each. */
export const GENERATIONS: readonly (readonly Write[])[] = [
  [whole(0, 1), whole(1, 2), whole(40_000, 3)],
  [whole(1, 4), { block: 127, mask: 0x0f, value: 5 }],
  [whole(128, 1), whole(BLOCK_COUNT - 1, 6), whole(0, 0)],
];

/** Registers tests of an archive in the store's places. */
export function testArchiveIn(
  name: string,
  { register, newPlace }: ArchiveTestOptions,
): void {
  register(`${name}: an archive is served from the store alone`, async () => {
    const place = newPlace();
    const model = new Model();
    for (const writes of GENERATIONS) {
      await using server = await Server.open(place);
      const view = await server.openDisk();
      model.write(writes);
      await server.bench.write(server.archive, view, writes);
    }
    for (const access of ["serve", "read"] as const) {
      await using server = await Server.open(place, { access });
      const { view } = await server.archive.openView({ volume: "disk" });
      const { bench, archive } = server;
      await assertHolds(bench, archive, { view, model, blocks: READ_BLOCKS });
    }
  });

  register(`${name}: of two writers only one publishes`, async () => {
    const place = newPlace();
    await using first = await Server.open(place);
    const view = await first.openDisk();
    await first.bench.write(first.archive, view, GENERATIONS[0]!);
    await using second = await Server.open(place);
    await assert.rejects(
      first.bench.write(first.archive, view, GENERATIONS[1]!),
      (error) => archiveErrorCode(error) === "LostClaim",
    );
    const model = new Model();
    model.write(GENERATIONS[0]!);
    const { bench, archive } = second;
    const found = await archive.openView({ volume: "disk" });
    await assertHolds(bench, archive, {
      view: found.view,
      model,
      blocks: READ_BLOCKS,
    });
  });

  register(`${name}: a server that lives is not taken over`, async () => {
    const place = newPlace();
    const quick = { claimCheckMs: 100 };
    await using first = await Server.open(place, quick);
    const view = await first.openDisk();
    await assert.rejects(
      Server.open(place, { ...quick, stateId: "7".repeat(32) }),
      (error) => archiveErrorCode(error) === "Held",
    );
    await first.bench.write(first.archive, view, GENERATIONS[0]!);
  });
}
