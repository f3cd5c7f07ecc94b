/** Parts with bugs, around sound ones. */

import type { BlobStore, PutOptions } from "../../blobstores/blob_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import type { Disk, DiskFile } from "../../cas/disk/disk.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import type { Plant } from "./plant.ts";
import type { Process } from "./world.ts";

/** The same object with some members replaced. */
function changed<T extends object>(sound: T, replaced: Partial<T>): T {
  return new Proxy(sound, {
    get(target, name): unknown {
      if (name in replaced) return Reflect.get(replaced, name);
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function lyingFile(file: DiskFile): DiskFile {
  return changed(file, {
    sync: () => Promise.resolve(),
    writeDurably: (bytes, position) => file.write(bytes, position),
    writeDurablySoon: (bytes, position) =>
      Promise.resolve(file.write(bytes, position)),
  });
}

/** Says that bytes are durable, and leaves them where they are. */
export const SYNC_LIES: Plant = {
  journal: (disk: Disk) =>
    changed(disk, {
      create: (name) => lyingFile(disk.create(name)),
      open: (name) => lyingFile(disk.open(name)),
    }),
};

/** Says that names are durable, and leaves them where they are. */
export const DIRECTORY_SYNC_LIES: Plant = {
  journal: (disk: Disk) =>
    changed(disk, {
      syncDirectory: () => Promise.resolve(),
      syncDirectoryNow: () => {},
    }),
};

/** Says that a pack is stored, and stores it a second later: after its root. */
export const PACKS_LATER: Plant = {
  store: (store: BlobStore, process: Process) =>
    changed(store, {
      put: async (
        key: string,
        body: Uint8Array,
        options?: PutOptions,
      ): Promise<void> => {
        if (!key.startsWith("packs/")) {
          return await store.put(key, body, options);
        }
        const own = new Uint8Array(body);
        const put = async (): Promise<void> => {
          await process.sleep(1000);
          await store.put(key, own, options);
        };
        put().catch(() => {});
        await process.yieldTurn();
      },
    }),
};

/** One location in ten is wrong by a byte. */
export const WRONG_LOCATIONS: Plant = {
  index: (index: ScoreIndex) =>
    changed(index, {
      get: (scores, offset, location) => {
        const found = index.get(scores, offset, location);
        if (found && scores[offset]! % 10 === 0) location.offset++;
        return found;
      },
    }),
};

/** A pack is known, though its last block is not. */
export const FORGOTTEN_ENTRIES: Plant = {
  index: (index: ScoreIndex) =>
    changed(index, {
      addPack: (name, entries) => {
        const count = Math.max(0, entries.count - 1);
        return index.addPack(name, { ...entries, count });
      },
    }),
};

/** Nobody looks whether another server has the archive. */
export const CLAIM_IGNORED: Plant = {
  port: (port: OpenedArchive) =>
    changed(port, {
      confirm: () => Promise.resolve(),
      lost: new Promise<Error>(() => {}),
    }),
};

/** A scrub that says that all is well. */
export const BLIND_SCRUB: Plant = {
  port: (port: OpenedArchive) =>
    changed(port, {
      operate: async (name, request) => {
        const result = await port.operate(name, request);
        return name === "scrub"
          ? { ...result, faults: [], faultCount: 0 }
          : result;
      },
    }),
};
