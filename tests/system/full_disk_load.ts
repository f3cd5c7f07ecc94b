/** A client that writes all the time, and one that reads what was acknowledged. */

import { AtaError } from "../../aoe/initiator/errors.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import { assertContent, noise, writeAll } from "./disk_content.ts";

/** Bytes of one write. */
const CHUNK_BYTES: number = 512 * 1024;
const CHUNK_SECTORS: number = CHUNK_BYTES / 512;
const ATTEMPTS_MAX = 400;
const PAUSE_MS = 100;

/** Writes chunk after chunk, each at a place of its own, and keeps account. */
export class Load {
  readonly #target: RemoteTarget;
  /** What was acknowledged, by its first sector. */
  readonly #acknowledged: Map<number, Uint8Array> = new Map();
  #next = 0;

  constructor(target: RemoteTarget) {
    this.#target = target;
  }

  /** How many chunks were acknowledged. */
  get count(): number {
    return this.#acknowledged.size;
  }

  /** Writes one chunk; false when it was refused with an ATA error. */
  async write(): Promise<boolean> {
    const lba = this.#next++ * CHUNK_SECTORS;
    const bytes = noise(CHUNK_BYTES);
    try {
      await writeAll(this.#target, lba, bytes);
    } catch (error) {
      if (error instanceof AtaError) return false;
      throw error;
    }
    this.#acknowledged.set(lba, bytes);
    return true;
  }

  /** Writes so many chunks, none of which may be refused. */
  async writeMany(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      if (!await this.write()) throw new Error("A write was refused");
    }
  }

  /** Writes until a chunk is refused. */
  async writeUntilRefused(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (!await this.write()) return;
    }
    throw new Error("No write was refused");
  }

  /** Writes until a chunk is acknowledged again. */
  async writeUntilTaken(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (await this.write()) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    throw new Error("No write was acknowledged");
  }

  /** Fails unless all that was acknowledged is there, as a later client sees it, too. */
  async check(target: RemoteTarget = this.#target): Promise<void> {
    for (const [lba, bytes] of this.#acknowledged) {
      await assertContent(target, lba, bytes);
    }
  }

  /** Reads one chunk after the other until `stop`; fails as `check` does. */
  async readOn(stop: AbortSignal): Promise<number> {
    let count = 0;
    while (!stop.aborted) {
      for (const [lba, bytes] of [...this.#acknowledged]) {
        if (stop.aborted) break;
        await assertContent(this.#target, lba, bytes);
        count++;
      }
    }
    return count;
  }
}
