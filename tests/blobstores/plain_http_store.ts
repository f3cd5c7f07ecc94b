/**
 * A small service of blobs over HTTP, and a store for it that is sound: the
 * ground on which stores with a planted fault stand.
 *
 * @module
 */

import {
  type BlobDescription,
  BlobError,
  type BlobErrorCode,
  type BlobStore,
  type GetOptions,
  type PutOptions,
} from "../../blobstores/blob_store.ts";
import { MemoryStore } from "../../blobstores/memory_store.ts";

/** The service: blobs by path, a listing at "/?PREFIX". */
export class PlainService implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #blobs = new MemoryStore();

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** `HOST:PORT`. */
  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const key = pathname.slice(1);
    if (key === "") {
      const blobs = await Array.fromAsync(this.#blobs.list(search.slice(1)));
      return Response.json(blobs);
    }
    try {
      if (request.method === "PUT") {
        const body = new Uint8Array(await request.arrayBuffer());
        const ifAbsent = request.headers.has("if-none-match");
        await this.#blobs.put(key, body, { ifAbsent });
        return new Response(null, { status: 201 });
      }
      const range = /^bytes=(\d+)-(\d+)$/.exec(
        request.headers.get("range") ?? "",
      );
      if (range === null) return new Response(await this.#blobs.get(key));
      const offset = Number(range[1]);
      const length = Number(range[2]) + 1 - offset;
      const part = await this.#blobs.get(key, { range: { offset, length } });
      return new Response(part, { status: 206 });
    } catch (error) {
      const status = (error as BlobError).code === "AlreadyExists" ? 412 : 404;
      return new Response(null, { status });
    }
  }
}

/** A sound store of that service, as far as its faults are concerned. */
export class PlainHttpStore implements BlobStore {
  readonly display: string;
  readonly capabilities = {
    createExclusive: true,
    hold: false,
    concurrencyMax: 4,
  };
  readonly #root: string;

  constructor(host: string) {
    this.#root = `http://${host}/`;
    this.display = `plain://${host}`;
  }

  async put(
    key: string,
    body: Uint8Array,
    { ifAbsent }: PutOptions = {},
  ): Promise<void> {
    await this.send(key, {
      method: "PUT",
      body: new Uint8Array(body),
      headers: ifAbsent ? { "if-none-match": "*" } : {},
    });
  }

  async get(
    key: string,
    { range }: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const headers: Record<string, string> = {};
    if (range !== undefined) {
      const last = range.offset + range.length - 1;
      headers.range = `bytes=${range.offset}-${last}`;
    }
    return await this.send(key, { headers });
  }

  async head(key: string): Promise<BlobDescription | null> {
    try {
      return { key, size: (await this.get(key)).length };
    } catch (error) {
      if ((error as BlobError).code === "NotFound") return null;
      throw error;
    }
  }

  async *list(
    prefix: string,
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const bytes = await this.send(`?${prefix}`, {});
    yield* JSON.parse(new TextDecoder().decode(bytes)) as BlobDescription[];
  }

  async close(): Promise<void> {}

  /** A request and the body of its answer. */
  protected async send(
    path: string,
    request: RequestInit,
  ): Promise<Uint8Array<ArrayBuffer>> {
    let response: Response;
    try {
      response = await fetch(this.#root + path, request);
    } catch {
      throw this.failure("Unavailable", true);
    }
    if (response.ok) return await this.body(response);
    await response.body?.cancel();
    throw this.refusal(response);
  }

  protected async body(response: Response): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch {
      throw this.failure("Unavailable", true);
    }
  }

  protected refusal({ status, headers }: Response): BlobError {
    const seconds = headers.get("retry-after");
    const wait = seconds === null ? undefined : Number(seconds) * 1000;
    switch (status) {
      case 404:
        return this.failure("NotFound", false);
      case 412:
        return this.failure("AlreadyExists", false);
      case 429:
        return this.failure("RateLimited", true, wait);
    }
    return this.failure("Unavailable", true, wait);
  }

  protected failure(
    code: BlobErrorCode,
    retryable: boolean,
    retryAfterMs?: number,
  ): BlobError {
    return new BlobError(`Cannot use ${this.display}: ${code}`, {
      code,
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}
