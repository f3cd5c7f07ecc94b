/** A web server on loopback with one module, whose text tests change. */

import { sha256Hex } from "../../plugins/pin.ts";

/** SHA-256 of a text. */
export async function hashOf(text: string): Promise<string> {
  return await sha256Hex(new TextEncoder().encode(text));
}

/** A plugin that opens a store in memory; `more` goes into its members. */
export function pluginText(more = "", scheme = "toy"): string {
  return `
const blobs = new Map<string, Uint8Array>();
function failure(code: string): Error {
  return Object.assign(new Error("The toy says " + code), { code });
}
const store = {
  display: "${scheme}:here",
  capabilities: { createExclusive: true, hold: false, concurrencyMax: 4 },
  async put(key: string, body: Uint8Array, o?: { ifAbsent?: boolean }) {
    if (o?.ifAbsent && blobs.has(key)) throw failure("AlreadyExists");
    blobs.set(key, new Uint8Array(body));
  },
  async get(key: string, o?: { range?: { offset: number; length: number } }) {
    const blob = blobs.get(key);
    if (blob === undefined) throw failure("NotFound");
    const { offset = 0, length = blob.length } = o?.range ?? {};
    return blob.slice(offset, offset + length);
  },
  async head(key: string) {
    const size = blobs.get(key)?.length;
    return size === undefined ? null : { key, size };
  },
  async *list(prefix: string, o?: { startAfter?: string }) {
    for (const [key, { length: size }] of [...blobs].sort()) {
      if (key.startsWith(prefix) && key > (o?.startAfter ?? "")) yield { key, size };
    }
  },
  async close() {},
};
export default {
  apiVersion: 1,
  schemes: ["${scheme}"],
  open: async () => store,
  ${more}
};
`;
}

/** Serves `text` at {@link address}, and from `/moved` a redirect to it. */
export class ModuleServer implements AsyncDisposable {
  /** The module. */
  text: string;
  /** How often it was asked for. */
  requests = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts it. */
  constructor(text: string) {
    this.text = text;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      ({ url }) => this.#answer(new URL(url)),
    );
  }

  /** The module's URL. */
  get address(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/plugin.ts`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #answer({ pathname }: URL): Response {
    this.requests += 1;
    switch (pathname) {
      case "/plugin.ts":
        return new Response(this.text);
      case "/moved":
        return Response.redirect(this.address);
      default:
        return new Response("no such module", { status: 404 });
    }
  }
}
