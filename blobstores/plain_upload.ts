/**
 * Bodies on their way up over plain HTTP. They go by node:http, which gives the
 * caller's bytes to the system as they are: fetch() copies them more than once,
 * at four times the processor time.
 *
 * Not over TLS, where node:https asks for a permission more and knows nothing
 * of DENO_CERT, and not through a proxy of the environment, which fetch() knows.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as beginRequest,
} from "node:http";
import { joinBytes } from "./join_bytes.ts";

/** Of what goes over plain HTTP. */
const PROXY_VARIABLES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/** A server or router may have forgotten a connection that was idle for longer. */
const IDLE_MAX_MS = 30_000;
/** A `Response` refuses to have a body with these. */
const BODILESS: readonly number[] = [204, 205, 304];

/** A body to send. */
export interface PlainUpload {
  /** PUT, POST. */
  readonly method: string;
  /** The whole URL. May hold secrets. */
  readonly url: string;
  /** Without those that the connection sets itself. May hold secrets. */
  readonly headers: Headers;
  /** Borrowed until the promise settles: nothing reads it then. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Gives up. */
  readonly signal: AbortSignal;
  /** Called when some of the answer came. */
  readonly onProgress: () => void;
}

/** Sends bodies over connections of its own. */
export class PlainUploader {
  readonly #agent: Agent;

  /** Opens no connection yet. `connectionsMax` is how many idle ones it keeps. */
  constructor(connectionsMax: number) {
    this.#agent = new Agent({
      keepAlive: true,
      maxFreeSockets: connectionsMax,
      timeout: IDLE_MAX_MS,
    });
  }

  /**
   * The whole answer, whatever its status. Rejects with what broke the
   * connection.
   */
  async send(upload: PlainUpload): Promise<Response> {
    const { method, url, headers, body, signal, onProgress } = upload;
    const sent = beginRequest(url, {
      method,
      headers: {
        ...Object.fromEntries(headers),
        "content-length": body.length,
      },
      agent: this.#agent,
      signal,
    });
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    sent.once("close", resolve);
    const answer = answerOf(sent, onProgress);
    sent.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
    try {
      return await answer;
    } finally {
      // A refusal may come before the service has read all of the body.
      if (!sent.writableFinished) sent.destroy();
      await closed;
    }
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy();
  }
}

/**
 * Whether a body to a URL can go over plain connections of ours. Not where Deno
 * may not connect to: fetch() names the permission.
 */
export function goesPlain(url: string): boolean {
  const { protocol, host } = new URL(url);
  return protocol === "http:" && PROXY_VARIABLES.every(isUnset) &&
    Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

/** False, too, where nobody may look. */
function isUnset(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" && !Deno.env.get(variable);
}

function answerOf(
  sent: ClientRequest,
  onProgress: () => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    sent.on("error", reject);
    // After an answer of another protocol there is neither of the others.
    sent.once("close", () => reject(new Error("the connection was closed")));
    sent.once(
      "response",
      (message) => resolve(readAnswer(message, onProgress)),
    );
  });
}

async function readAnswer(
  message: IncomingMessage,
  onProgress: () => void,
): Promise<Response> {
  onProgress();
  const pieces: Uint8Array[] = [];
  for await (const piece of message) {
    onProgress();
    pieces.push(piece);
  }
  const status = message.statusCode ?? 0;
  const headers = new Headers();
  const words = message.rawHeaders;
  for (let at = 0; at + 1 < words.length; at += 2) {
    headers.append(words[at]!, words[at + 1]!);
  }
  const body = BODILESS.includes(status) ? null : joinBytes(pieces);
  return new Response(body, { status, headers });
}
