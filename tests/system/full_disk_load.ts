/** A client that writes all the time, and reads what was acknowledged. */

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

  /** Writes until a chunk is refused, and reads what was acknowledged meanwhile. */
  async writeUntilRefused(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const [taken] = await Promise.all([
        this.write(),
        this.#checkOne(attempt),
      ]);
      if (!taken) return;
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

  async #checkOne(number: number): Promise<void> {
    const chunks = [...this.#acknowledged];
    const [lba, bytes] = chunks[number % chunks.length]!;
    await assertContent(this.#target, lba, bytes);
  }

  /** Fails unless all that was acknowledged is there, as a later client sees it, too. */
  async check(target: RemoteTarget = this.#target): Promise<void> {
    for (const [lba, bytes] of this.#acknowledged) {
      await assertContent(target, lba, bytes);
    }
  }
}
