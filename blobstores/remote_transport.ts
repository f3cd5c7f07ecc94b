/**
 * HTTP for remote stores: one request, one whole answer. Every answer that is
 * no success, and every connection that fails, is a `RemoteFailure`; a range
 * that was asked for is exactly what came back.
 *
 * It lies below the SDKs in place of their own, so that resets, truncated
 * bodies, refusals and waiting times are told apart in one place, and so that
 * no SDK's error, which holds the signed request, is ever shown.
 *
 * @module
 */

import { libraryFailure, RemoteFailure } from "./remote_failure.ts";

const RANGE = /^bytes=(\d+)-(\d+)$/;
const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(?:\d+|\*)$/;
const TOTAL = /^bytes .*\/(\d+)$/;
const XML_CODE = /<Code>([A-Za-z0-9]+)<\/Code>/;
const STATUS_OK = 200;
const STATUS_PARTIAL = 206;
const STATUS_NOT_MODIFIED = 304;
/** Set by the connection itself. */
const HOP_HEADERS = ["host", "content-length", "connection", "expect"];

/** A request. */
export interface RemoteRequest {
  /** GET, HEAD, PUT. */
  readonly method: string;
  /** The whole URL. May hold secrets. */
  readonly url: string;
  /** Names in lower case. May hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** Borrowed until the answer is there. */
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer: a success, or "not modified". */
export interface RemoteAnswer {
  /** Its status. */
  readonly status: number;
  /** Its headers. */
  readonly headers: Headers;
  /** All of its body; the caller's. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Sends requests over connections of its own. */
export class RemoteTransport {
  readonly #client: Deno.HttpClient;
  #closed = false;

  /** Opens no connection yet. `connectionsMax` is how many it keeps. */
  constructor(connectionsMax: number) {
    this.#client = Deno.createHttpClient({
      poolMaxIdlePerHost: connectionsMax,
      http2: false,
    });
  }

  /** Rejects with a `RemoteFailure`, or, when given up, with anything. */
  async send(request: RemoteRequest): Promise<RemoteAnswer> {
    const { method, url, body, signal } = request;
    const headers = new Headers({
      ...request.headers,
      // A compressed answer has other lengths and ranges.
      "accept-encoding": "identity",
    });
    for (const name of HOP_HEADERS) headers.delete(name);
    try {
      const response = await fetch(url, {
        method,
        headers,
        client: this.#client,
        redirect: "manual",
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
      return await receive(request, response);
    } catch (error) {
      if (error instanceof RemoteFailure) throw error;
      throw connectionFailure(error);
    }
  }

  /** Closes the connections. */
  close(): void {
    if (!this.#closed) this.#client.close();
    this.#closed = true;
  }
}

async function receive(
  request: RemoteRequest,
  response: Response,
): Promise<RemoteAnswer> {
  const { status, headers } = response;
  if (!response.ok && status !== STATUS_NOT_MODIFIED) {
    throw await refusal(response);
  }
  const range = wantedRange(request.headers);
  if (range !== undefined && request.method === "GET") {
    const fault = rangeFault(range, response);
    if (fault !== undefined) {
      await response.body?.cancel();
      throw fault;
    }
  }
  const body = await readBody(response);
  if (range !== undefined && body.length !== range.length) {
    throw truncated(body.length, range.length);
  }
  return { status, headers, body };
}

/** The whole body. Straight into place where its length is known: half the time. */
async function readBody(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  if (!Number.isSafeInteger(length) || response.body === null) {
    return await response.bytes();
  }
  const body = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of response.body) {
    if (filled + chunk.length > length) break;
    body.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled !== length) throw truncated(filled, length);
  return body;
}

interface WantedRange {
  readonly first: number;
  readonly last: number;
  readonly length: number;
}

function wantedRange(
  headers: Readonly<Record<string, string>>,
): WantedRange | undefined {
  const match = RANGE.exec(headers["range"] ?? headers["x-ms-range"] ?? "");
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2]);
  return { first, last, length: last - first + 1 };
}

/** Why the answer is not the range; undefined if its headers say it is. */
function rangeFault(
  range: WantedRange,
  { status, headers }: Response,
): RemoteFailure | undefined {
  if (status === STATUS_PARTIAL) {
    const told = headers.get("content-range") ?? "";
    const match = CONTENT_RANGE.exec(told);
    const first = Number(match?.[1]);
    const last = Number(match?.[2]);
    if (first === range.first && last === range.last) return undefined;
    // What there is of it, or, of an empty blob, nothing.
    const size = Number(TOTAL.exec(told)?.[1] ?? Number.NaN);
    if (size <= range.last) return outside(size);
    return new RemoteFailure({
      code: "Unavailable",
      reason: `asked for bytes ${range.first} to ${range.last}, it answered ` +
        `with ${match === null ? "no" : "another"} range`,
    });
  }
  const size = Number(headers.get("content-length") ?? Number.NaN);
  if (status === STATUS_OK && size <= range.last) return outside(size);
  if (status === STATUS_OK && range.first === 0 && size === range.length) {
    return undefined;
  }
  return new RemoteFailure({
    code: "Unsupported",
    reason: `asked for bytes ${range.first} to ${range.last}, it answered ` +
      `HTTP ${status}: it does not serve ranges of blobs, which an archive ` +
      `is read by`,
  });
}

function outside(size: number): RemoteFailure {
  return new RemoteFailure({
    code: "RangeNotSatisfiable",
    reason: `the blob has ${size} bytes`,
  });
}

function truncated(found: number, wanted: number): RemoteFailure {
  return new RemoteFailure({
    code: "Unavailable",
    reason: `the answer broke off after ${found} of ${wanted} bytes`,
  });
}

async function refusal(response: Response): Promise<RemoteFailure> {
  const { status, headers } = response;
  // The body is only looked at for a code, so a broken one is no matter.
  const text = await response.text().catch(() => "");
  const serviceCode = headers.get("x-ms-error-code") ??
    XML_CODE.exec(text)?.[1];
  const requestId = headers.get("x-amz-request-id") ??
    headers.get("x-ms-request-id");
  const retryAfterMs = parseRetryAfter(headers);
  const location = headers.get("location");
  return new RemoteFailure({
    status,
    ...(serviceCode === undefined ? {} : { serviceCode }),
    ...(requestId === null ? {} : { requestId }),
    ...(location === null ? {} : { location }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** How long the service asks to wait: seconds, or a date. */
function parseRetryAfter(headers: Headers): number | undefined {
  const text = headers.get("retry-after");
  if (text === null) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1000;
  const untilMs = Date.parse(text);
  // By the service's own clock, which may not be ours.
  const nowMs = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(untilMs) || Number.isNaN(nowMs)) return undefined;
  return Math.max(0, untilMs - nowMs);
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
  if (/timed out|timeout/i.test(text)) {
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
  [/dns|lookup|resolve|name or service/i, "its name is not known (DNS)"],
  [/unreachable|no route/i, "there is no route to it"],
  [/body|incomplete|end of file|eof/i, "the answer broke off"],
  [/reset|broken pipe|closed|aborted/i, "the connection was reset"],
];
