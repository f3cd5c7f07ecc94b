/** Archives in folders: one writer at a time, with the system's hold and without. */

import assert from "node:assert/strict";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import { openFileStore } from "../../blobstores/file_store.ts";
import { StoreLayer } from "../../blobstores/layers/layer.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import {
  assertHolds,
  GENERATIONS,
  Model,
  READ_BLOCKS,
  Server,
  testArchiveIn,
} from "../services/archive_tests.ts";

/** As a folder on a file system whose locks are not seen elsewhere. */
class WithoutHold extends StoreLayer {
  override readonly capabilities: BlobStore["capabilities"];

  constructor(store: BlobStore) {
    super(store, true);
    this.capabilities = { ...store.capabilities, hold: false };
  }
}

const folder = await Deno.makeTempDir({ prefix: "deepshelf-file-" });
globalThis.addEventListener("unload", () => {
  Deno.removeSync(folder, { recursive: true });
});
let places = 0;

testArchiveIn("file without a hold", {
  register: Deno.test,
  newPlace: () => {
    const path = `${folder}/${++places}`;
    return async () =>
      new WithoutHold(await openFileStore({ path, create: true }));
  },
});

Deno.test("file: a second writer is refused until the first one leaves", async () => {
  const path = `${folder}/${++places}`;
  const place = (): Promise<BlobStore> => openFileStore({ path, create: true });
  const model = new Model();
  {
    await using first = await Server.open(place);
    const view = await first.openDisk();
    await assert.rejects(
      Server.open(place, { stateId: "7".repeat(32) }),
      (error) => archiveErrorCode(error) === "Held",
    );
    model.write(GENERATIONS[0]!);
    await first.bench.write(first.archive, view, GENERATIONS[0]!);
  }
  await using second = await Server.open(place, { stateId: "7".repeat(32) });
  const view = await second.openDisk();
  const { bench, archive } = second;
  await assertHolds(bench, archive, { view, model, blocks: READ_BLOCKS });
});
