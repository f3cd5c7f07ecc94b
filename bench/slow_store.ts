/**
 * A plugin for the bench alone: a folder as far away as the query says.
 *
 * `slow:PATH?latency=20&bandwidth=100000000`: every request takes so many
 * milliseconds more, and all together share so many bytes a second, up and down
 * each. Nothing is synced: it stands for a place, not for a disk.
 *
 * @module
 */

const PUT_NAME = ".put";

/**
 * When the bytes of requests pass, one after the other. It is worked out when a
 * request comes, so that a program that is busy does not make the wire slower.
 */
class Wire {
  #freeAtMs = 0;
  readonly #bytesPerMs: number;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** When so many bytes have passed that are not there before `readyMs`. */
  pass(byteCount: number, readyMs: number): number {
    this.#freeAtMs = Math.max(readyMs, this.#freeAtMs) +
      byteCount / this.#bytesPerMs;
    return this.#freeAtMs;
  }
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

class SlowFolder {
  readonly display: string;
  readonly capabilities = {
    createExclusive: true,
    hold: false,
    concurrencyMax: 64,
  };
  readonly #path: string;
  readonly #latencyMs: number;
  readonly #up: Wire;
  readonly #down: Wire;

  constructor(path: string, latencyMs: number, bytesPerSecond: number) {
    this.display = `slow:${path}`;
    this.#path = path;
    this.#latencyMs = latencyMs;
    this.#up = new Wire(bytesPerSecond);
    this.#down = new Wire(bytesPerSecond);
  }

  async put(
    key: string,
    body: Uint8Array,
    options: { ifAbsent?: boolean } = {},
  ): Promise<void> {
    await until(this.#up.pass(body.length, this.#answerMs()));
    const path = `${this.#path}/${key}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    // Of each put another one: two of one key may be under way.
    const temporary = `${path}.${crypto.randomUUID()}${PUT_NAME}`;
    await Deno.writeFile(temporary, body);
    if (options.ifAbsent) await create(temporary, path, key);
    else await Deno.rename(temporary, path);
  }

  async get(
    key: string,
    options: { range?: Range } = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const answerMs = this.#answerMs();
    const { range } = options;
    const doneMs = range && this.#down.pass(range.length, answerMs);
    try {
      const bytes = read(`${this.#path}/${key}`, key, range);
      await until(doneMs ?? this.#down.pass(bytes.length, answerMs));
      return bytes;
    } catch (error) {
      await until(answerMs);
      throw error;
    }
  }

  async head(key: string): Promise<{ key: string; size: number } | null> {
    const answerMs = this.#answerMs();
    const size = await sizeOf(`${this.#path}/${key}`);
    await until(answerMs);
    return size === null ? null : { key, size };
  }

  async *list(
    prefix: string,
    options: { startAfter?: string } = {},
  ): AsyncGenerator<{ key: string; size: number }> {
    await until(this.#answerMs());
    const keys: string[] = [];
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    await collect(this.#path, folder, keys);
    for (const key of keys.sort()) {
      const isWanted = key.startsWith(prefix) &&
        key > (options.startAfter ?? "") && !key.endsWith(PUT_NAME);
      const size = isWanted ? await sizeOf(`${this.#path}/${key}`) : null;
      if (size !== null) yield { key, size };
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** When the answer to a request of now begins. */
  #answerMs(): number {
    return performance.now() + this.#latencyMs;
  }
}

/** Gives a whole file its name unless that is taken; of several one succeeds. */
async function create(
  temporary: string,
  path: string,
  key: string,
): Promise<void> {
  try {
    await Deno.link(temporary, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw failure("AlreadyExists", `"${key}" exists`);
  } finally {
    await Deno.remove(temporary);
  }
}

/**
 * A file, or a range of it. At once, out of the system's cache: to hand it to
 * another thread would cost the program that is measured more than to do it.
 */
function read(
  path: string,
  key: string,
  range: Range | undefined,
): Uint8Array<ArrayBuffer> {
  using file = open(path, key);
  const { size } = file.statSync();
  const { offset, length } = range ?? { offset: 0, length: size };
  if (offset + length > size) {
    throw failure("RangeNotSatisfiable", `"${key}" has ${size} bytes`);
  }
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    done += file.readSync(bytes.subarray(done)) ?? 0;
  }
  return bytes;
}

function open(path: string, key: string): Deno.FsFile {
  try {
    return Deno.openSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw failure("NotFound", `there is no "${key}"`);
  }
}

async function collect(
  path: string,
  folder: string,
  keys: string[],
): Promise<void> {
  try {
    for await (const entry of Deno.readDir(`${path}/${folder}`)) {
      // What a file: store keeps beside its blobs is not one of them.
      if (folder === "" && /^(local|tmp|[^a-z].*)$/.test(entry.name)) continue;
      const name = `${folder}${entry.name}`;
      if (entry.isDirectory) await collect(path, `${name}/`, keys);
      else keys.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Waits until then: a timer may be early by a fraction of a millisecond. */
async function until(timeMs: number): Promise<void> {
  for (;;) {
    const delayMs = timeMs - performance.now();
    if (delayMs <= 0) return;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, retryable: false });
}

/** For `slow:` URLs; written without the contract's types, which a plugin cannot import. */
const plugin: {
  readonly apiVersion: 1;
  readonly schemes: readonly string[];
  open(url: string): Promise<SlowFolder>;
} = {
  apiVersion: 1,
  schemes: ["slow"],
  async open(url: string): Promise<SlowFolder> {
    const { pathname, searchParams } = new URL(url);
    await Deno.mkdir(pathname, { recursive: true });
    const latencyMs = Number(searchParams.get("latency") ?? 0);
    const bandwidth = Number(searchParams.get("bandwidth") ?? Infinity);
    return new SlowFolder(pathname, latencyMs, bandwidth);
  },
};

export default plugin;
