/**
 * How a blob becomes a file. Invariants, whatever is cut off where:
 *
 * - A name outside the folder of drafts stands for a whole blob: its bytes are
 *   synced before the name is made, in one step.
 * - When `publish` resolves, bytes and name are durable.
 * - A draft stays until its blob's name is durable. So whoever finds a name
 *   that is not durable yet, after a kill, finds a draft too: `recover` syncs
 *   the name's folder before anybody relies on the blob.
 *
 * ```
 * write tmp/w.1.a+b -> sync it -> link it to a/b -> sync a/ -> remove the draft
 *                          (to replace: link to tmp/w.2.a+b, rename that to a/b)
 * ```
 *
 * Where files have one name only (FAT, some FUSE and SMB file systems) the
 * draft itself is renamed, and an empty folder `tmp/taken.0.<key>` takes its
 * place as the mark, and decides between writers: making a folder fails if it
 * exists, renaming over a file does not.
 *
 * @module
 */

import { BlobError } from "./blob_store.ts";
import { StoreFolders } from "./file_folders.ts";
import {
  DRAFT_FOLDER,
  draftName,
  folderOf,
  keyOfDraft,
  pathOf,
} from "./file_layout.ts";
import {
  type FileSystem,
  type FileWriter,
  systemErrorCode,
} from "./file_system.ts";
import { throwIfCancelled } from "./operation.ts";

/**
 * Bytes written between two looks at the abort signal, and between two syncs: a
 * large blob synced at once would hold up everybody else's syncs on the disk.
 * Beside packs of 16 MiB the journal's batches took 10 to 59 ms at the 99th
 * percentile, beside pieces of 1 MiB 3 to 20, at 0.8 to 1.1 times the packs'
 * speed (measured 2026-11 on ext4).
 */
const WRITE_SIZE = 1 << 20;
/** From so many bytes on they go past the system's memory, where they can. */
const DIRECT_BYTES_MIN = 1 << 20;

/** What `link` answers where a file cannot have two names. */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
]);

/** A blob to publish. */
export interface Publication {
  /** Its key, checked. */
  readonly key: string;
  /** Its bytes, borrowed until `publish` settles. */
  readonly body: Uint8Array;
  /** Leave a blob that exists alone. */
  readonly ifAbsent: boolean;
  /** Gives up, as long as the blob has no name yet. */
  readonly signal: AbortSignal | undefined;
}

/** A file that is to become a blob. */
interface Draft {
  /** Its path. */
  readonly draft: string;
  /** The file. */
  readonly file: FileWriter;
  /** Made by `createDirect`. */
  readonly isDirect: boolean;
}

/** How to make a `FilePublisher`. */
export interface FilePublisherOptions {
  /** The disk. */
  readonly disk: FileSystem;
  /** The store's folder, which exists. */
  readonly root: string;
  /** Lower case letters and digits that no other publisher of this folder has. */
  readonly writerId: string;
}

/** Publishes blobs as files in one folder. */
export class FilePublisher {
  readonly #disk: FileSystem;
  readonly #root: string;
  readonly #writerId: string;
  readonly #folders: StoreFolders;
  #sequence = 0;
  readonly #marks = new Set<string>();
  #renaming: Promise<unknown> = Promise.resolve();

  /** Makes a publisher; touches nothing. */
  constructor(options: FilePublisherOptions) {
    this.#disk = options.disk;
    this.#root = options.root;
    this.#writerId = options.writerId;
    this.#folders = new StoreFolders(options.disk, options.root);
  }

  /**
   * Publishes a blob durably. False if `ifAbsent` and there is one, which is
   * durable then. Rejects with the disk's error, or a `BlobError`.
   */
  async publish(publication: Publication): Promise<boolean> {
    const { key, ifAbsent, signal } = publication;
    await this.#folders.ensure(DRAFT_FOLDER);
    await this.#folders.ensure(folderOf(key));
    if (ifAbsent && await this.#exists(key)) {
      await this.#syncName(key);
      return false;
    }
    const draft = await this.#write(publication);
    try {
      throwIfCancelled(signal, `put "${key}"`);
      return await this.#name(draft, publication);
    } catch (error) {
      await this.#abandon(draft);
      throw error;
    }
  }

  /**
   * Makes durable what dead writers left visible, and removes their drafts.
   * To be called by the store's holder alone. Names that are no drafts' stay.
   */
  async recover(): Promise<void> {
    await this.#folders.ensure("");
    const folder = pathOf(this.#root, DRAFT_FOLDER);
    if ((await this.#disk.status(folder)) === null) return;
    const drafts: string[] = [];
    const targets = new Set<string>();
    for (const { name } of await this.#disk.readFolder(folder)) {
      const key = keyOfDraft(name);
      if (key === null) continue;
      drafts.push(pathOf(folder, name));
      targets.add(pathOf(this.#root, folderOf(key)));
    }
    for (const target of targets) {
      const status = await this.#disk.status(target);
      if (status !== null && !status.isFile) {
        await this.#disk.syncFolder(target);
      }
    }
    for (const draft of drafts) await this.#removeLeftover(draft);
  }

  async #removeLeftover(draft: string): Promise<void> {
    try {
      await this.#disk.remove(draft);
    } catch (error) {
      // A writer without a hold may just have removed it itself.
      if (systemErrorCode(error) !== "ENOENT") throw error;
    }
  }

  async #write(publication: Publication): Promise<string> {
    const { key, body } = publication;
    if (body.length >= DIRECT_BYTES_MIN) {
      const draft = await this.#writeDirectly(publication);
      if (draft !== undefined) return draft;
    }
    const draft = this.#draftPath(key);
    const file = await this.#disk.create(draft);
    await this.#fill({ draft, file, isDirect: false }, publication);
    return draft;
  }

  /**
   * Undefined where that is not possible. It is tried with every large blob: a
   * refusal tells of this one, whose memory may not lie where the disk needs it,
   * or of a disk that was full; and costs little beside so many bytes.
   */
  async #writeDirectly(publication: Publication): Promise<string | undefined> {
    const draft = this.#draftPath(publication.key);
    try {
      // Where even this is refused `create` tells why, or does without.
      const file = await this.#disk.createDirect?.(draft).catch(() =>
        undefined
      );
      if (file !== undefined) {
        await this.#fill({ draft, file, isDirect: true }, publication);
        return draft;
      }
    } catch (error) {
      if (systemErrorCode(error) !== "EINVAL") throw error;
    }
    await this.#discard(draft);
    return undefined;
  }

  async #fill(
    { draft, file, isDirect }: Draft,
    { key, body, signal }: Publication,
  ): Promise<void> {
    try {
      try {
        for (let offset = 0; offset < body.length; offset += WRITE_SIZE) {
          throwIfCancelled(signal, `put "${key}"`);
          await file.write(body.subarray(offset, offset + WRITE_SIZE));
          if (!isDirect) await file.sync();
        }
        if (isDirect || body.length === 0) await file.sync();
      } finally {
        file.close();
      }
    } catch (error) {
      await this.#discard(draft);
      throw error;
    }
  }

  async #name(draft: string, { key, ifAbsent }: Publication): Promise<boolean> {
    const target = pathOf(this.#root, key);
    const link = ifAbsent ? target : this.#draftPath(key);
    try {
      await this.#disk.link(draft, link);
    } catch (error) {
      const code = systemErrorCode(error);
      if (NO_LINKS.has(code)) return await this.#inTurn(draft, key, ifAbsent);
      if (code !== "EEXIST") throw error;
      // A link that "exists" may be ours: over NFS a request whose reply was
      // lost is sent again, and then finds its own work.
      if ((await this.#disk.status(draft))?.linkCount !== 2) {
        if (!ifAbsent || !(await this.#exists(key))) throw error;
        await this.#syncName(key);
        await this.#discard(draft);
        return false;
      }
    }
    if (!ifAbsent) await this.#replace(link, key);
    await this.#syncName(key);
    await this.#discard(draft);
    return true;
  }

  async #replace(spare: string, key: string): Promise<void> {
    try {
      await this.#exists(key);
      await this.#disk.rename(spare, pathOf(this.#root, key));
    } catch (error) {
      await this.#discard(spare);
      throw error;
    }
  }

  /** One at a time, so that the folder decides between processes only. */
  #inTurn(draft: string, key: string, ifAbsent: boolean): Promise<boolean> {
    const turn = this.#renaming.then(() =>
      this.#nameByRenaming(draft, key, ifAbsent)
    );
    this.#renaming = turn.catch(() => {});
    return turn;
  }

  async #nameByRenaming(
    draft: string,
    key: string,
    ifAbsent: boolean,
  ): Promise<boolean> {
    const mark = pathOf(
      this.#root,
      `${DRAFT_FOLDER}/${draftName("taken", 0, key)}`,
    );
    await this.#takeMark(mark, key);
    let fresh = true;
    try {
      fresh = !(await this.#exists(key)) || !ifAbsent;
      if (fresh) await this.#disk.rename(draft, pathOf(this.#root, key));
    } catch (error) {
      await this.#dropMark(mark);
      throw error;
    }
    await this.#syncName(key);
    await this.#dropMark(mark);
    if (!fresh) await this.#discard(draft);
    return fresh;
  }

  async #takeMark(mark: string, key: string): Promise<void> {
    try {
      await this.#disk.makeFolder(mark);
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST") throw error;
      // Ours stays when the name could not be synced: a later try goes on.
      if (this.#marks.has(mark)) return;
      throw new BlobError(
        `Cannot put "${key}": another writer is at it, or died at it. If no ` +
          `other server uses the store, \`rmdir ${mark}\` lets go`,
        { code: "Unavailable", retryable: true, cause: error },
      );
    }
    this.#marks.add(mark);
  }

  async #dropMark(mark: string): Promise<void> {
    await this.#discard(mark);
    this.#marks.delete(mark);
  }

  /** True if there is a blob. Throws `InvalidKey` if there is a folder. */
  async #exists(key: string): Promise<boolean> {
    const found = await this.#disk.status(pathOf(this.#root, key));
    if (found === null || found.isFile) return found !== null;
    throw new BlobError(
      `Cannot put "${key}": there is a folder of blobs with that key`,
      { code: "InvalidKey" },
    );
  }

  #syncName(key: string): Promise<void> {
    return this.#disk.syncFolder(pathOf(this.#root, folderOf(key)));
  }

  /** Removes the draft of a failed `put`, unless its blob has a name. */
  async #abandon(draft: string): Promise<void> {
    try {
      const status = await this.#disk.status(draft);
      if (status?.linkCount === 1) await this.#disk.remove(draft);
    } catch {
      // The reason of the failure counts, and `recover` gets the draft.
    }
  }

  /** Removes a draft that has done its work; if it stays, `recover` gets it. */
  async #discard(draft: string): Promise<void> {
    try {
      await this.#disk.remove(draft);
    } catch {
      // The blob's fate is decided already, and does not depend on this.
    }
  }

  #draftPath(key: string): string {
    this.#sequence += 1;
    const name = draftName(this.#writerId, this.#sequence, key);
    return pathOf(this.#root, `${DRAFT_FOLDER}/${name}`);
  }
}
