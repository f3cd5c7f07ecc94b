/** A web server that answers, breaks off or resets as a script says. */

import {
  type HttpMessage,
  readMessage,
  writeAll,
} from "../../blobstores/conformance/http_relay.ts";
import { LoopbackServer } from "../../blobstores/conformance/loopback_server.ts";

const HEAD_END = "\r\n\r\n";

/** A request that came in. */
export interface ScriptedRequest {
  /** GET, HEAD, PUT. */
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Its body. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * What to answer; "hang up" closes the connection without a word, "be silent"
 * keeps it open without one.
 */
export type ScriptedReply = "hang up" | "be silent" | {
  /** The status. */
  readonly status: number;
  /** Headers beside Content-Length. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: string | Uint8Array;
  /** Only so many bytes of the body are sent, then the connection is closed. */
  readonly bytesSent?: number;
  /** Instead of being closed the connection falls silent. */
  readonly thenSilent?: boolean;
};

/** Decides about a request. */
export type Script = (
  request: ScriptedRequest,
) => ScriptedReply | Promise<ScriptedReply>;

/** A server on loopback; disposing it closes it. */
export class ScriptedServer implements AsyncDisposable {
  /** `http://127.0.0.1:…` */
  readonly address: string;
  /** What it answers. May be changed at any time. */
  script: Script;
  readonly #server: LoopbackServer;

  /** Listens on a free port, or takes over what listens already. */
  constructor(script: Script, listener?: Deno.TcpListener) {
    this.script = script;
    this.#server = new LoopbackServer((it) => this.#serve(it), listener);
    this.address = `http://${this.#server.host}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    let message: HttpMessage | undefined;
    while ((message = await readMessage(connection, message?.rest))) {
      const request = requestOf(message);
      const reply = await this.script(request);
      if (!await answer(connection, request.method, reply)) return;
    }
  }
}

/** False when the connection is to be closed. */
async function answer(
  connection: Deno.TcpConn,
  method: string,
  reply: ScriptedReply,
): Promise<boolean> {
  if (reply === "hang up") return false;
  if (reply === "be silent") return true;
  const { status, headers = {}, body = "", bytesSent } = reply;
  const bytes = typeof body === "string"
    ? new TextEncoder().encode(body)
    : body;
  const fields = { "content-length": `${bytes.length}`, ...headers };
  const head = [
    `HTTP/1.1 ${status} Scripted`,
    ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
  ].join("\r\n") + HEAD_END;
  await writeAll(connection, new TextEncoder().encode(head));
  if (method === "HEAD") return true;
  await writeAll(connection, bytes.subarray(0, bytesSent));
  return bytesSent === undefined || reply.thenSilent === true;
}

function requestOf({ head, body }: HttpMessage): ScriptedRequest {
  const [first = "", ...lines] = head.slice(0, -HEAD_END.length).split("\r\n");
  const headers = new Map(lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  }));
  const [method = "", target = ""] = first.split(" ");
  return { method, target, headers, body };
}
