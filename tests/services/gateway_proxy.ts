/**
 * A way from inside a network namespace to a web service outside of it, whole
 * or with faults.
 */

import { listenWithin } from "../../setup/services/namespace.ts";
import {
  type ScriptedReply,
  type ScriptedRequest,
  ScriptedServer,
} from "./scripted_server.ts";
import { type WireFaultChances, WireFaults } from "./wire_faults.ts";

/** What a proxy does to requests beside passing them on. */
export interface GatewayProxyOptions {
  /** Address of the service: `http://127.0.0.1:…` */
  readonly endpoint: string;
  /** The namespace that is to reach it. */
  readonly namespace: string;
  /** What goes wrong; nothing when absent. */
  readonly faults?: WireFaultChances;
  /** Decides when. */
  readonly random?: () => number;
}

/** Passes requests on while the service is there; disposing it ends it. */
export class GatewayProxy implements AsyncDisposable {
  /** The address inside the namespace. */
  readonly endpoint: string;
  /** Every request is held up by so many milliseconds. */
  delayMs = 0;
  readonly #target: string;
  readonly #server: ScriptedServer;
  readonly #faults: WireFaults;
  readonly #ended = new AbortController();
  readonly #client: Deno.HttpClient = Deno.createHttpClient({
    // Requests are signed with the address that their sender knows.
    allowHost: true,
    http2: false,
  });

  /** Listens at once. */
  constructor(options: GatewayProxyOptions) {
    const { endpoint, namespace, random = Math.random } = options;
    const none = { before: 0, after: 0, truncated: 0, slow: 0, slowMsMax: 0 };
    this.#target = endpoint;
    this.#faults = new WireFaults(
      (request) => this.#pass(request),
      options.faults ?? none,
      random,
    );
    this.#server = new ScriptedServer(
      (request) => this.#faults.answer(request),
      listenWithin(namespace),
    );
    this.endpoint = this.#server.address;
  }

  /** Requests with which something went wrong on purpose. */
  get faultCount(): number {
    return this.#faults.count;
  }

  /** Ends it; who waits is hung up on. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A service that never answers must not hold up a test that has failed.
    this.#ended.abort();
    await this.#server[Symbol.asyncDispose]();
    this.#client.close();
  }

  async #pass(request: ScriptedRequest): Promise<ScriptedReply> {
    const { method, target, headers, body } = request;
    await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    try {
      const response = await fetch(this.#target + target, {
        method,
        headers: [...headers].filter(([name]) => name !== "content-length"),
        redirect: "manual",
        client: this.#client,
        signal: this.#ended.signal,
        ...(body.length === 0 ? {} : { body }),
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      const kept = [...response.headers].filter(([name]) =>
        !["connection", "transfer-encoding"].includes(name) &&
        (name !== "content-length" || method === "HEAD")
      );
      return {
        status: response.status,
        headers: Object.fromEntries(kept),
        body: bytes,
      };
    } catch {
      // As a service that is away: the connection is refused or breaks off.
      return "hang up";
    }
  }
}
