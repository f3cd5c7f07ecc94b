/**
 * A web server between a store and its service, which passes every request on
 * until it is told to answer badly: refuse, break off, hang up, or keep an answer
 * to itself. So one script of faults serves for every store that speaks HTTP.
 *
 * It takes HTTP/1.1 without TLS, with bodies of a known length.
 *
 * @module
 */

import {
  type HttpMessage,
  readMessage,
  relay,
  statusOf,
  writeAll,
} from "./http_relay.ts";
import { LoopbackServer } from "./loopback_server.ts";

/** What happens to a request. */
export type ProxyFault =
  /** It is passed on, and the answer back. */
  | { readonly kind: "none" }
  /** This is answered, and the service not asked. */
  | {
    readonly kind: "answer";
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
  }
  /** The connection is closed, and the service not asked. */
  | { readonly kind: "reset" }
  /** The service is asked; of its answer's body half arrives, then the connection ends. */
  | { readonly kind: "truncate" }
  /** The service is asked, and the connection closed instead of its answer. */
  | { readonly kind: "lose answer" };

/** Decides about a request, by its method. */
export type ChooseProxyFault = (method: string) => ProxyFault;

/** A proxy on loopback; disposing it closes it. */
export class FaultProxy implements AsyncDisposable {
  /** Its own host and port, to be used instead of the service's. */
  readonly host: string;
  /** What goes wrong. May be changed at any time. */
  choose: ChooseProxyFault = () => ({ kind: "none" });
  /** Statuses of the answers that it passed on or made, 0 for none. */
  readonly statuses: number[] = [];
  readonly #upstream: string;
  readonly #server: LoopbackServer;

  /** Listens on a free port; `upstream` is the service's `HOST:PORT`. */
  constructor(upstream: string) {
    this.#upstream = upstream;
    this.#server = new LoopbackServer((connection) => this.#serve(connection));
    this.host = this.#server.host;
  }

  /** Ends all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  /** One request a connection, so that no fault touches another request. */
  async #serve(connection: Deno.TcpConn): Promise<void> {
    const request = await readMessage(connection);
    if (request === undefined) return;
    const method = request.head.split(" ", 1)[0]!;
    const fault = this.choose(method);
    const answer = await this.#answerTo(request, fault);
    this.statuses.push(answer === undefined ? 0 : statusOf(answer));
    if (answer !== undefined) await writeAll(connection, answer);
  }

  async #answerTo(
    request: HttpMessage,
    fault: ProxyFault,
  ): Promise<Uint8Array | undefined> {
    switch (fault.kind) {
      case "reset":
        return undefined;
      case "answer": {
        const fields = Object.entries(fault.headers ?? {});
        const head = [
          `HTTP/1.1 ${fault.status} Fault`,
          ...fields.map(([name, value]) => `${name}: ${value}`),
          "Content-Length: 0",
          "Connection: close",
        ];
        return new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`);
      }
    }
    const [hostname = "", port] = this.#upstream.split(":");
    const address = { hostname, port: Number(port) };
    const { bytes, headLength } = await relay(address, request);
    if (fault.kind === "lose answer") return undefined;
    if (fault.kind === "none") return bytes;
    const bodyLength = bytes.length - headLength;
    return bytes.subarray(0, headLength + Math.floor(bodyLength / 2));
  }
}
