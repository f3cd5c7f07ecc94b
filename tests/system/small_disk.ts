/** A file system of its own, small enough to be filled. */

import { run } from "../../setup/run.ts";

const MEBIBYTE: number = 1024 * 1024;
/** Below this the rest of a file system is too little for anything. */
const CHUNK_BYTES_MIN = 4096;
/** How often what others let go of is taken. */
const GRAB_INTERVAL_MS = 20;

/** A mounted file system, which can be filled and freed. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;
  #grabbing: ReturnType<typeof setInterval> | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  /** Mounts one of so many MiB at a folder, which is made. */
  static async mount(path: string, sizeMiB: number): Promise<SmallDisk> {
    await Deno.mkdir(path);
    const mounted = await run("mount", [
      ...["-t", "tmpfs", "-o", `size=${sizeMiB}m`, "tmpfs", path],
    ]);
    if (!mounted.success) throw new Error(mounted.stderr);
    return new SmallDisk(path);
  }

  /** Takes every byte that is left, and from now on all that others let go of. */
  fill(): void {
    this.#grab();
    this.#grabbing = setInterval(() => this.#grab(), GRAB_INTERVAL_MS);
  }

  /** Gives back all that was taken. */
  async free(): Promise<void> {
    clearInterval(this.#grabbing);
    await Deno.remove(this.#filler);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#grabbing);
    await run("umount", ["-l", this.path]);
  }

  #grab(): void {
    using file = Deno.openSync(this.#filler, { create: true, append: true });
    for (let length = MEBIBYTE; length >= CHUNK_BYTES_MIN;) {
      try {
        file.writeSync(new Uint8Array(length));
      } catch {
        length /= 2;
      }
    }
  }

  get #filler(): string {
    return `${this.path}/filler`;
  }
}
