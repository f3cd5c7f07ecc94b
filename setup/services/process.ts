/** Programs that tests and benches start beside themselves: free ports, waiting, the end. */

/** How long a service may take to come up before its user fails. */
const START_TIMEOUT_MS = 90_000;
const POLL_INTERVAL_MS = 20;
/** How long a program may take to end when asked, before it is made to. */
const END_TIMEOUT_MS = 5_000;
/** How much of a log is shown when a program failed. */
const LOG_TAIL_LENGTH = 2_000;

/** Options of {@link Program.start}. */
export interface ProgramOptions {
  /** The file that takes what it prints. */
  readonly logPath: string;
  /** The folder to run in. */
  readonly cwd?: string;
}

/** A running program; disposing it ends it. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #logPath: string;
  #ended = false;

  private constructor(child: Deno.ChildProcess, logPath: string) {
    this.#child = child;
    this.#logPath = logPath;
    void child.status.then(() => this.#ended = true);
  }

  /** Starts a program in the foreground, its output in a file. */
  static start(
    command: readonly string[],
    { logPath, cwd }: ProgramOptions,
  ): Program {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'exec "$@" >>"$0" 2>&1', logPath, ...command],
      stdin: "null",
      stdout: "null",
      stderr: "null",
      ...(cwd === undefined ? {} : { cwd }),
    }).spawn();
    return new Program(child, logPath);
  }

  /** Waits until `ready` answers true. Rejects with the log if it ends before. */
  async waitUntil(
    what: string,
    ready: () => Promise<boolean>,
  ): Promise<void> {
    const attempts = START_TIMEOUT_MS / POLL_INTERVAL_MS;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (await ready()) return;
      if (this.#ended) break;
      await sleep(POLL_INTERVAL_MS);
    }
    const log = await Deno.readTextFile(this.#logPath).catch(String);
    const end = this.#ended ? "it has ended" : "it takes too long";
    throw new Error(
      `Waited for ${what}: ${end}. Its log: ${log.slice(-LOG_TAIL_LENGTH)}`,
    );
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), END_TIMEOUT_MS);
    await this.#child.status;
    clearTimeout(timer);
  }

  #signal(signal: Deno.Signal): void {
    if (!this.#ended) this.#child.kill(signal);
  }
}

/** A TCP port of 127.0.0.1 that nobody listens on. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** True when a web server at `url` answers, whatever it says. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
