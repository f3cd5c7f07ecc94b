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

/** When the bytes of requests pass one after the other. */
class Wire {
  #freeAtMs = 0;
  readonly #bytesPerMs: number;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Milliseconds until so many bytes have passed. */
  pass(byteCount: number): number {
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) +
      byteCount / this.#bytesPerMs;
    return this.#freeAtMs - nowMs;
  }
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
    await sleep(this.#latencyMs);
    await sleep(this.#up.pass(body.length));
    const path = `${this.#path}/${key}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    const temporary = `${path}${PUT_NAME}`;
    await Deno.writeFile(temporary, body);
    if (options.ifAbsent && await sizeOf(path) !== null) {
      throw failure("AlreadyExists", `"${key}" exists`);
    }
    await Deno.rename(temporary, path);
  }

  async get(
    key: string,
    options: { range?: { offset: number; length: number } } = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    await sleep(this.#latencyMs);
    const path = `${this.#path}/${key}`;
    const size = await sizeOf(path);
    if (size === null) throw failure("NotFound", `there is no "${key}"`);
    const { offset, length } = options.range ?? { offset: 0, length: size };
    if (offset + length > size) {
      throw failure("RangeNotSatisfiable", `"${key}" has ${size} bytes`);
    }
    const bytes = new Uint8Array(length);
    using file = await Deno.open(path);
    await file.seek(offset, Deno.SeekMode.Start);
    for (let done = 0; done < length;) {
      done += await file.read(bytes.subarray(done)) ?? 0;
    }
    await sleep(this.#down.pass(length));
    return bytes;
  }

  async head(key: string): Promise<{ key: string; size: number } | null> {
    await sleep(this.#latencyMs);
    const size = await sizeOf(`${this.#path}/${key}`);
    return size === null ? null : { key, size };
  }

  async *list(
    prefix: string,
    options: { startAfter?: string } = {},
  ): AsyncGenerator<{ key: string; size: number }> {
    await sleep(this.#latencyMs);
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

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
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
