/** The host's end of the line to the agent in the guest (guest_agent.sh). */

/** How a command in the guest ended. */
export interface CommandResult {
  /** Its exit status. */
  readonly code: number;
  /** What it wrote to standard output. */
  readonly stdout: string;
  /** What it wrote to standard error. */
  readonly stderr: string;
}

/**
 * Sends commands and gives each its own answer, in whatever order they end.
 *
 * Once the line is closed, from either side, every command that waits for its
 * answer fails.
 */
export class AgentChannel {
  readonly #connection: Deno.Conn;
  readonly #waiting: Map<
    number,
    PromiseWithResolvers<CommandResult>
  > = new Map();
  readonly #ready: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #nextId = 1;

  /** Takes over `connection` and closes it in the end. */
  constructor(connection: Deno.Conn) {
    this.#connection = connection;
    // Its failure is told to whoever waits, and there may be nobody.
    this.#ready.promise.catch(() => {});
    this.#ended = this.#receive();
  }

  /** Settles when the agent has started; fails if the line closes before. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Runs a shell script in the guest. */
  async run(script: string): Promise<CommandResult> {
    const id = this.#nextId++;
    const answer = Promise.withResolvers<CommandResult>();
    this.#waiting.set(id, answer);
    const line = `${id} ${new TextEncoder().encode(script).toBase64()}\n`;
    try {
      await writeAll(this.#connection, new TextEncoder().encode(line));
    } catch (cause) {
      answer.reject(new Error("The line to the guest is closed", { cause }));
    }
    return await answer.promise;
  }

  /** Closes the line. */
  async close(): Promise<void> {
    try {
      this.#connection.close();
    } catch {
      // The guest's end was quicker.
    }
    await this.#ended;
  }

  async #receive(): Promise<void> {
    try {
      let rest = "";
      const text = this.#connection.readable
        .pipeThrough(new TextDecoderStream());
      for await (const piece of text) {
        const lines = (rest + piece).split("\n");
        rest = lines.pop() ?? "";
        lines.forEach((line) => this.#settle(line));
      }
    } catch {
      // Closing this end interrupts the read: the same end of the line.
    }
    const error = new Error("The guest ended while a command was running");
    this.#ready.reject(error);
    this.#waiting.forEach((answer) => answer.reject(error));
    this.#waiting.clear();
  }

  #settle(line: string): void {
    if (line === "ready") return this.#ready.resolve();
    const [id, code, stdout, stderr] = line.split(" ");
    this.#waiting.get(Number(id))?.resolve({
      code: Number(code),
      stdout: decodeField(stdout),
      stderr: decodeField(stderr),
    });
    this.#waiting.delete(Number(id));
  }
}

function decodeField(field: string | undefined): string {
  if (field === undefined || !field.startsWith("=")) {
    throw new Error(`The guest's agent sent a malformed field: ${field}`);
  }
  return new TextDecoder().decode(Uint8Array.fromBase64(field.slice(1)));
}

async function writeAll(target: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    offset += await target.write(bytes.subarray(offset));
  }
}
