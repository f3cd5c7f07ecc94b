/**
 * What comes back from a service: whole, or a `RemoteFailure`. A range that was
 * asked for is exactly what came.
 *
 * @module
 */

import { RemoteFailure } from "./remote_failure.ts";

const RANGE = /^bytes=(\d+)-(\d+)$/;
const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(?:\d+|\*)$/;
const TOTAL = /^bytes .*\/(\d+)$/;
const XML_CODE = /<Code>([A-Za-z0-9]+)<\/Code>/;
const STATUS_OK = 200;
const STATUS_PARTIAL = 206;
const STATUS_NOT_MODIFIED = 304;

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

/**
 * Reads the whole answer to a request; `onProgress` is called when some of it
 * came. Rejects with a `RemoteFailure`, or with what broke the connection.
 */
export async function receive(
  request: RemoteRequest,
  response: Response,
  onProgress: () => void,
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
  const body = await readBody(response, onProgress);
  if (range !== undefined && body.length !== range.length) {
    throw truncated(body.length, range.length);
  }
  return { status, headers, body };
}

/** The whole body. Straight into place where its length is known: half the time. */
async function readBody(
  response: Response,
  onProgress: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  if (!Number.isSafeInteger(length) || response.body === null) {
    return await response.bytes();
  }
  const body = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of response.body) {
    onProgress();
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
