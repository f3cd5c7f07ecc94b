/** Runs Deepshelf's own command line, as a user would, for a test. */

import { run, type RunResult } from "../../setup/run.ts";
import type { NetNamespace } from "./net_namespace.ts";
import { OutputLog } from "./output_log.ts";
import { within } from "./within.ts";

const MAIN_PATH: string = new URL("../../main.ts", import.meta.url).pathname;
const READY_TIMEOUT_MS = 60_000;
const LEAVE_TIMEOUT_MS = 60_000;

/** Options of {@link startServer}. */
export interface ServerOptions {
  /** The namespace to run in; it holds the interfaces. */
  readonly namespace: NetNamespace;
  /** The interfaces to serve on. */
  readonly interfaces: readonly string[];
  /** URL of the blob store. */
  readonly store: string;
  /** The targets, as `--target` takes them: `1.0=disk:1GiB`. */
  readonly targets: readonly string[];
  /** Arguments beside these and `--json`: by default `--create`. */
  readonly extraArguments?: readonly string[];
}

/** One line that the server printed under `--json`. */
export interface ServerEvent {
  /** What happened. */
  readonly event: string;
  /** What the event says beside that. */
  readonly [key: string]: unknown;
}

/** A server that serves all its targets; disposing it kills it. */
export class RunningServer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #log: OutputLog;
  readonly #events: ServerEvent[] = [];
  #onEvent: () => void = () => {};

  /** Takes over a process that was started with `--json`. */
  constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#log = new OutputLog(process, (line) => {
      if (!line.startsWith("{")) return;
      this.#events.push(JSON.parse(line));
      this.#onEvent();
    });
  }

  /** The id of the server's process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** The events so far, in their order. */
  get events(): readonly ServerEvent[] {
    return this.#events;
  }

  /** The end of all that the server printed. */
  log(): string {
    return this.#log.tail();
  }

  /** Runs `body`; its error also tells what the server has printed. */
  async explain<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (cause) {
      throw new Error(`Under a server that printed:\n${this.log()}`, { cause });
    }
  }

  /**
   * Waits until `count` events of this name were printed. Fails, with what
   * the server printed, if it ends before or takes more than a minute.
   */
  async waitFor(event: string, count = 1): Promise<void> {
    const enough = Promise.withResolvers<void>();
    this.#onEvent = () => {
      const seen = this.#events.filter((it) => it.event === event).length;
      if (seen >= count) enough.resolve();
    };
    this.#onEvent();
    const ended = this.#log.ended.then((): never => {
      throw new Error("The server ended");
    });
    try {
      await within(Promise.race([enough.promise, ended]), {
        timeoutMs: READY_TIMEOUT_MS,
        what: `${count} "${event}" events`,
      });
    } catch (cause) {
      throw new Error(`The server printed no "${event}":\n${this.log()}`, {
        cause,
      });
    }
  }

  /** Sends a signal and waits for the server's end. */
  async end(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    this.#process.kill(signal);
    return await this.ended(`after ${signal}`);
  }

  /** Waits for the server to end by itself. */
  async ended(why: string = "by itself"): Promise<Deno.CommandStatus> {
    try {
      const status = await within(this.#process.status, {
        timeoutMs: LEAVE_TIMEOUT_MS,
        what: "its end",
      });
      await this.#log.ended;
      return status;
    } catch (cause) {
      throw new Error(`The server did not leave ${why}:\n${this.log()}`, {
        cause,
      });
    }
  }

  /** Kills the server if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await this.#log.ended;
  }
}

/** Starts `serve`; settles when every target answers. */
export async function startServer(
  options: ServerOptions,
): Promise<RunningServer> {
  const process = options.namespace.spawn({
    command: [
      Deno.execPath(),
      ...["run", "-A", MAIN_PATH, "serve", "--json"],
      ...options.interfaces.flatMap((it) => ["--interface", it]),
      ...["--store", options.store],
      ...options.targets.flatMap((it) => ["--target", it]),
      ...options.extraArguments ?? ["--create"],
    ],
  });
  const server = new RunningServer(process);
  try {
    await server.waitFor("ready", options.targets.length);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs another command of the command line to its end. */
export function runCommand(...args: readonly string[]): Promise<RunResult> {
  return run(Deno.execPath(), ["run", "-A", MAIN_PATH, ...args]);
}
