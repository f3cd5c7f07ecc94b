/** Keeps what a child process prints, for the text of failures. */

const TAIL_LINE_COUNT = 60;

/** Reads both outputs of a process to their end. */
export class OutputLog {
  /** Settles when the process has closed both outputs. */
  readonly ended: Promise<void>;
  #text = "";

  /**
   * Takes over both outputs. Each whole line of standard output is also given
   * to `onLine`.
   */
  constructor(
    process: Deno.ChildProcess,
    onLine: (line: string) => void = () => {},
  ) {
    this.ended = Promise.all([
      this.#read(process.stdout, onLine),
      this.#read(process.stderr, () => {}),
    ]).then(() => {});
  }

  /** The last lines of both outputs, mixed as they came. */
  tail(): string {
    return this.#text.split("\n").slice(-TAIL_LINE_COUNT).join("\n");
  }

  /** All of both outputs, mixed as they came. */
  text(): string {
    return this.#text;
  }

  async #read(
    output: ReadableStream<Uint8Array<ArrayBuffer>>,
    onLine: (line: string) => void,
  ): Promise<void> {
    let rest = "";
    for await (const piece of output.pipeThrough(new TextDecoderStream())) {
      this.#text += piece;
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach((line) => onLine(line));
    }
  }
}
