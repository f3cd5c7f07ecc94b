/**
 * The load process, seen from the bench.
 *
 * @module
 */

import type { LoadOutcome } from "./load.ts";
import type { Job, JobAnswer } from "./load_process.ts";
import { LOAD_END, type Network } from "./network.ts";

/** A process that makes load on the bench's network. */
export class LoadClient implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #buffered = "";

  /** Starts it on the interface of the load. */
  constructor(network: Network) {
    const file = new URL("load_process.ts", import.meta.url).pathname;
    const program = [Deno.execPath(), "run", "-A", file, LOAD_END];
    this.#process = network.command(program, {
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    this.#output = text.getReader();
  }

  /**
   * Does one job.
   *
   * @throws {Error} with what the process said, when the load failed
   */
  async run(job: Job): Promise<LoadOutcome> {
    await this.#input.write(
      new TextEncoder().encode(`${JSON.stringify(job)}\n`),
    );
    while (!this.#buffered.includes("\n")) {
      const { value } = await this.#output.read();
      if (value === undefined) throw new Error("The load process ended early");
      this.#buffered += value;
    }
    const end = this.#buffered.indexOf("\n");
    const answer: JobAnswer = JSON.parse(this.#buffered.slice(0, end));
    this.#buffered = this.#buffered.slice(end + 1);
    if ("error" in answer) throw new Error(answer.error);
    return answer.outcome;
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    // An interrupt may have ended the process, and with it its input.
    await this.#input.close().catch(() => {});
    await this.#output.cancel();
    await this.#process.status;
  }
}
