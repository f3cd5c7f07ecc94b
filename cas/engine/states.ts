/**
 * From what names a state to its root.
 *
 * @module
 */

import type { StateReference } from "../volume_states.ts";
import { BlockKind } from "../block_store.ts";
import { ArchiveError } from "../errors.ts";
import { fromHex } from "../bytes.ts";
import { SEEK_MS } from "./block_reader.ts";
import type { EngineContext } from "./context.ts";
import { checkName } from "./names.ts";
import type { OpenBlocks } from "./open_blocks.ts";
import { decodeRoot } from "./root.ts";
import { rootAt } from "./root_history.ts";
import { findRootByHash, readRoot } from "./root_store.ts";
import { HASH_PATTERN } from "./sealed_text.ts";
import { readSnapshot } from "./snapshots.ts";
import type { ViewRoot } from "./views.ts";
import type { Volume, Volumes } from "./volumes.ts";

/** Finds states. */
export class States {
  readonly #context: EngineContext;
  readonly #volumes: Volumes;
  readonly #blocks: OpenBlocks;

  /** Of the archive with these volumes. */
  constructor(context: EngineContext, volumes: Volumes, blocks: OpenBlocks) {
    this.#context = context;
    this.#volumes = volumes;
    this.#blocks = blocks;
  }

  /**
   * The root that a reference names. Rejects with `NoVolume`, `NoSnapshot`,
   * `NoRoot`, `BadName` or `Damaged`.
   */
  async find(reference: StateReference): Promise<ViewRoot> {
    const { volume: name, snapshot, atMs, root } = reference;
    if (root !== undefined) return await this.#findRoot(root);
    if (name === undefined) {
      throw new RangeError("A state needs a volume or a root");
    }
    checkName("volume", name);
    const volume = this.#volumes.get(name);
    if (snapshot !== undefined) return await this.#snapshot(volume, snapshot);
    if (atMs !== undefined) return await rootAt(this.#context, volume, atMs);
    return volume.head;
  }

  async #snapshot(volume: Volume, name: string): Promise<ViewRoot> {
    const snapshot = await readSnapshot(this.#context, volume, name);
    const { rootHash, sequence } = snapshot;
    try {
      const root = await readRoot(this.#context, volume.id, sequence);
      if (root.hash === rootHash) return root;
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      const root = await this.#rootBlock(rootHash);
      if (root === undefined) throw error;
      return root;
    }
    return await this.#findRoot(rootHash);
  }

  /** A root by its hash: its block in a pack, else its blob. */
  async #findRoot(hash: string): Promise<ViewRoot> {
    if (!HASH_PATTERN.test(hash)) {
      throw new ArchiveError(
        "NoRoot",
        `"${hash}" is no root hash: a root hash has 64 of 0-9 and a-f`,
      );
    }
    const root = await this.#rootBlock(hash) ??
      await findRootByHash(this.#context, hash);
    if (root !== undefined) return root;
    const { packsIndexed } = (await this.#blocks.get()).blocks;
    const advice = packsIndexed === undefined
      ? `"history VOLUME" and "snapshot list" show root hashes`
      : `the index is being made anew, so try again when that is done`;
    throw new ArchiveError(
      "NoRoot",
      `There is no root ${hash} in the archive in ${this.#context.store.display}: ${advice}`,
    );
  }

  async #rootBlock(hash: string): Promise<ViewRoot | undefined> {
    // Views are opened one after the other: none waits for long.
    const reader = (await this.#blocks.get()).reader.within(SEEK_MS);
    let bytes: Uint8Array | undefined;
    await reader.read(BlockKind.Root, fromHex(hash), (_, block) => {
      bytes = block?.slice();
    });
    try {
      return bytes && { record: decodeRoot(bytes), hash };
    } catch (error) {
      throw new ArchiveError(
        "Unsupported",
        `Cannot read root ${hash}: ${
          (error as Error).message
        }; use a newer program`,
        { cause: error },
      );
    }
  }
}
