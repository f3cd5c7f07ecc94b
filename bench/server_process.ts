/**
 * A server on the bench's network, as a process that can be ended.
 *
 * @module
 */

import { type Network, SERVER_END } from "./network.ts";

/** A server that answers. */
export class ServerProcess {
  /** From the start of the process to its `ready` event. */
  readonly startMs: number;
  readonly #process: Deno.ChildProcess;
  readonly #drained: Promise<void>;

  private constructor(
    process: Deno.ChildProcess,
    startMs: number,
    drained: Promise<void>,
  ) {
    this.#process = process;
    this.startMs = startMs;
    this.#drained = drained;
  }

  /** Starts a server with these options of `serve`; resolves when its targets answer. */
  static async start(
    network: Network,
    options: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const main = new URL("../main.ts", import.meta.url).pathname;
    const begin = performance.now();
    const process = network.command([
      ...[Deno.execPath(), "run", "-A", main, "serve", "--json"],
      ...["--interface", SERVER_END, ...options],
    ], {
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
      env: environment,
    }).spawn();
    const ready = Promise.withResolvers<number>();
    let said = "";
    const drained = (async (): Promise<void> => {
      const text = process.stdout.pipeThrough(new TextDecoderStream());
      for await (const piece of text) {
        said = `${said}${piece}`.slice(-SAID_MAX);
        if (said.includes('"event":"ready"')) {
          ready.resolve(performance.now() - begin);
        }
      }
      ready.reject(new Error(`The server ended before it was ready: ${said}`));
    })();
    ready.promise.catch(() => {});
    return new ServerProcess(process, await ready.promise, drained);
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Ends it. */
  async end(signal: Deno.Signal): Promise<void> {
    this.#process.kill(signal);
    await this.#process.status;
    await this.#drained;
  }
}

/** Characters of its output that an error shows. */
const SAID_MAX = 2000;
