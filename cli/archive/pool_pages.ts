/**
 * Has the system give the pool's memory in time, on another thread: whoever
 * writes to a page first otherwise waits for it to be zeroed, 1.5 us a block on
 * the thread that fetches blocks, and on the one that answers frames (measured,
 * 2026-11).
 *
 * @module
 */

import { openLibc } from "../../blobstores/libc.ts";

const SYMBOLS = {
  // Of no bytes: it tells where its first argument lies, which Deno tells nobody
  // who may call some libraries only.
  memmove: { parameters: ["buffer", "buffer", "usize"], result: "usize" },
  madvise: {
    parameters: ["usize", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
} as const;

/** madvise(2), of Linux 5.14: as if each page had been written to, bytes as they are. */
const MADV_POPULATE_WRITE = 23;

/** What addresses and lengths are multiples of, on any machine. */
const PAGE_BYTES = 65_536;
/** Bytes of one call: while it lasts, the system gives the process no other memory. */
const STEP_BYTES: number = 2 * 2 ** 20;

/** Asks for the pages of one memory, from its beginning on. */
export class PoolPages {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #memory: Uint8Array;
  /** Of the memory. */
  readonly #address: bigint;
  /** Bytes that were asked for. */
  #done = 0;
  #wanted = 0;
  #isClosed = false;
  #working: Promise<void> | undefined;

  private constructor(
    libc: Deno.DynamicLibrary<typeof SYMBOLS>,
    memory: SharedArrayBuffer,
  ) {
    this.#libc = libc;
    // Keeps it, too, as long as the system may be asked about it.
    this.#memory = new Uint8Array(memory);
    const bytes = this.#memory as Uint8Array as Uint8Array<ArrayBuffer>;
    this.#address = BigInt(libc.symbols.memmove(bytes, bytes, 0n));
  }

  /** Undefined where the system cannot be asked; older ones refuse, which changes nothing. */
  static open(memory: SharedArrayBuffer): PoolPages | undefined {
    const libc = openLibc(SYMBOLS);
    return libc && new PoolPages(libc, memory);
  }

  /** The memory's bytes up to `end` are written to soon. */
  prepare(end: number): void {
    if (this.#isClosed) return;
    this.#wanted = Math.max(
      this.#wanted,
      Math.min(end, this.#memory.byteLength),
    );
    this.#working ??= this.#work().finally(() => this.#working = undefined);
  }

  /** Lets go of what it needs, when no call is under way; who writes later waits for the system. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wanted = 0;
    await this.#working;
    this.#libc.close();
  }

  async #work(): Promise<void> {
    while (this.#done < this.#wanted) {
      const start = this.#done;
      this.#done = Math.min(start + STEP_BYTES, this.#memory.byteLength);
      const first = this.#pageAt(start);
      const length = this.#pageAt(this.#done) - first;
      if (length <= 0n) continue;
      await this.#libc.symbols.madvise(first, length, MADV_POPULATE_WRITE);
    }
  }

  /** Address of the first page that begins in the memory at `offset` or behind; at its end, the last one before. */
  #pageAt(offset: number): bigint {
    const page = BigInt(PAGE_BYTES);
    const at = this.#address + BigInt(offset);
    return offset === this.#memory.byteLength
      ? at / page * page
      : (at + page - 1n) / page * page;
  }
}
