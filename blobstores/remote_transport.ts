/**
 * HTTP for remote stores: one request, one whole answer. Every answer that is
 * no success, and every connection that fails or falls silent, is a
 * `RemoteFailure`.
 *
 * It lies below the SDKs in place of their own, so that resets, truncated
 * bodies, refusals and waiting times are told apart in one place, and so that
 * no SDK's error, which holds the signed request, is ever shown.
 *
 * @module
 */

import { goesPlain, PlainUploader } from "./plain_upload.ts";
import {
  receive,
  type RemoteAnswer,
  type RemoteRequest,
} from "./remote_answer.ts";
import { libraryFailure, RemoteFailure } from "./remote_failure.ts";

export type { RemoteAnswer, RemoteRequest };

/** Set by the connection itself. */
const HOP_HEADERS = ["host", "content-length", "connection", "expect"];

/**
 * After so long without a byte the connection is given up: a router may have
 * forgotten it, and then nobody ever says so.
 */
const SILENCE_MAX_MS = 60_000;
/** How far a body is on its way up is not told, so it is given time by its length. */
const UPLOAD_BYTES_PER_MS = 64;

/** Options of a `RemoteTransport`. */
export interface RemoteTransportOptions {
  /** Silence after which a connection is given up: 60 s when absent. */
  readonly silenceMaxMs?: number;
}

/** Sends requests over connections of its own. */
export class RemoteTransport {
  readonly #client: Deno.HttpClient;
  readonly #uploader: PlainUploader;
  readonly #silenceMaxMs: number;
  #closed = false;

  /** Opens no connection yet. `connectionsMax` is how many it keeps. */
  constructor(connectionsMax: number, options: RemoteTransportOptions = {}) {
    this.#silenceMaxMs = options.silenceMaxMs ?? SILENCE_MAX_MS;
    this.#client = Deno.createHttpClient({
      poolMaxIdlePerHost: connectionsMax,
      http2: false,
    });
    this.#uploader = new PlainUploader(connectionsMax);
  }

  /** Rejects with a `RemoteFailure`, or, when given up, with anything. */
  async send(request: RemoteRequest): Promise<RemoteAnswer> {
    const { method, url, body } = request;
    const headers = new Headers({
      ...request.headers,
      // A compressed answer has other lengths and ranges.
      "accept-encoding": "identity",
    });
    for (const name of HOP_HEADERS) headers.delete(name);
    using watch = new Watch(request.signal);
    const uploadMs = (body?.length ?? 0) / UPLOAD_BYTES_PER_MS;
    watch.expect(this.#silenceMaxMs + uploadMs);
    try {
      const onProgress = (): void => watch.expect(this.#silenceMaxMs);
      const { signal } = watch;
      const response = body !== undefined && goesPlain(url)
        ? await this.#uploader.send(
          { method, url, headers, body, signal, onProgress },
        )
        : await fetch(url, {
          method,
          headers,
          client: this.#client,
          redirect: "manual",
          signal,
          ...(body === undefined ? {} : { body }),
        });
      onProgress();
      return await receive(request, response, onProgress);
    } catch (error) {
      if (error instanceof RemoteFailure) throw error;
      throw watch.isSilent ? silence() : connectionFailure(error);
    }
  }

  /** Closes the connections. */
  close(): void {
    if (!this.#closed) this.#client.close();
    this.#uploader.close();
    this.#closed = true;
  }
}

/** Gives a request up when its caller does, or when nothing comes for too long. */
class Watch implements Disposable {
  readonly #controller = new AbortController();
  readonly #callerSignal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** It fell silent. */
  isSilent = false;

  constructor(callerSignal: AbortSignal | undefined) {
    this.#callerSignal = callerSignal;
    if (callerSignal?.aborted) this.#controller.abort();
    callerSignal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Aborts when the request is to be given up. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on something is expected within this time. */
  expect(withinMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.isSilent = true;
      this.#controller.abort();
    }, withinMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#callerSignal?.removeEventListener("abort", this.#onAbort);
  }
}

function silence(): RemoteFailure {
  return new RemoteFailure({
    code: "Timeout",
    reason: "nothing came for a long time, so the connection was given up",
  });
}

/** Keeps of a connection's error what is certainly no secret. */
function connectionFailure(error: unknown): RemoteFailure {
  if (error instanceof Error && error.name === "NotCapable") {
    return libraryFailure(error, "the connection");
  }
  const causes: string[] = [];
  for (
    let at = error;
    at instanceof Error && causes.length < 4;
    at = at.cause
  ) causes.push(at.message);
  // Some name the URL, in which any word may stand.
  const text = causes.join(": ").replaceAll(/https?:[^\s)]*/g, "");
  if (/port \d+ are blocked/i.test(text)) {
    return new RemoteFailure({
      code: "InvalidConfig",
      reason: "it is on a port that belongs to another protocol, which " +
        "fetch() never connects to: let it listen on another",
    });
  }
  if (/certificate|tls|ssl/i.test(text)) {
    return new RemoteFailure({
      code: "InvalidConfig",
      reason: "its certificate is not trusted: name the authority's file in " +
        "DENO_CERT, or correct the URL",
    });
  }
  if (/timed ?out|timeout/i.test(text)) {
    return new RemoteFailure({
      code: "Timeout",
      reason: "the connection timed out",
    });
  }
  return new RemoteFailure({
    code: "Unavailable",
    reason: CONNECTION_FAULTS.find(([pattern]) => pattern.test(text))?.[1] ??
      "the connection failed",
  });
}

const CONNECTION_FAULTS: readonly (readonly [RegExp, string])[] = [
  [/corrupt message/i, "it does not speak TLS: http:// instead of https://?"],
  [/refused/i, "nothing listens there (connection refused)"],
  [
    /dns|lookup|resolve|name or service|getaddrinfo/i,
    "its name is not known (DNS)",
  ],
  [/unreach|no route/i, "there is no route to it"],
  [/body|incomplete|end of file|eof/i, "the answer broke off"],
  [
    /reset|broken pipe|epipe|closed|hang up|aborted/i,
    "the connection was reset",
  ],
];
