/**
 * What can go wrong between a store and a service that is spoken to over HTTP,
 * and which class of failure it is. All remote stores share this table, so that
 * the same trouble is the same error whichever service has it.
 *
 * A request carries secrets: signed headers, tokens in the URL. So an error
 * never keeps the request, the response or a library's error; it is made from
 * the status, the service's code for the error and what the system said.
 *
 * @module
 */

import { BlobError, type BlobErrorCode } from "./blob_store.ts";
import { cancelled } from "./operation.ts";

/** A service's code for an error: "NoSuchKey". */
const SERVICE_CODE = /^[A-Za-z0-9]{1,80}$/;
const REQUEST_ID = /^[A-Za-z0-9._:/+=-]{1,120}$/;

/** Classes that pass by themselves. */
const RETRYABLE: ReadonlySet<BlobErrorCode> = new Set([
  "RateLimited",
  "Timeout",
  "Unavailable",
]);

/** By status, where the service's code says nothing better. */
const BY_STATUS: Readonly<Record<number, BlobErrorCode>> = {
  401: "PermissionDenied",
  403: "PermissionDenied",
  404: "NotFound",
  405: "Unsupported",
  408: "Timeout",
  // Another request is at the key: the service asks to try again.
  409: "Unavailable",
  412: "AlreadyExists",
  413: "Unsupported",
  416: "RangeNotSatisfiable",
  425: "RateLimited",
  429: "RateLimited",
  501: "Unsupported",
  504: "Timeout",
  507: "NoSpace",
};

/** By the service's code: S3's, its clones', and Azure's. */
const BY_SERVICE_CODE: Readonly<Record<string, BlobErrorCode>> = {
  AccountIsDisabled: "PermissionDenied",
  AllAccessDisabled: "PermissionDenied",
  AuthorizationHeaderMalformed: "InvalidConfig",
  // The body was damaged on its way to the service.
  BadDigest: "Unavailable",
  BlobAlreadyExists: "AlreadyExists",
  BlobArchived: "Unsupported",
  ContainerBeingDeleted: "Unavailable",
  ContainerNotFound: "InvalidConfig",
  ExpiredToken: "PermissionDenied",
  IllegalLocationConstraintException: "InvalidConfig",
  InvalidAccessKeyId: "PermissionDenied",
  InvalidBucketName: "InvalidConfig",
  InvalidObjectState: "Unsupported",
  InvalidStorageClass: "InvalidConfig",
  InvalidToken: "PermissionDenied",
  Md5Mismatch: "Unavailable",
  NoSuchBucket: "InvalidConfig",
  OperationTimedOut: "Timeout",
  PermanentRedirect: "InvalidConfig",
  QuotaExceeded: "NoSpace",
  RequestTimeout: "Timeout",
  ServerBusy: "RateLimited",
  SlowDown: "RateLimited",
  Throttling: "RateLimited",
  TooManyRequests: "RateLimited",
  XAmzContentSHA256Mismatch: "Unavailable",
  XMinioStorageFull: "NoSpace",
};

/** What to do about it, by the service's code. */
const ADVICE: Readonly<Record<string, string>> = {
  AuthorizationHeaderMalformed: "Write the bucket's region: ?region=…",
  ExpiredToken: "Get new credentials",
  InvalidAccessKeyId: "Check AWS_ACCESS_KEY_ID",
  NoSuchBucket: "Make the bucket, or correct its name",
  ContainerNotFound: "Make the container, or correct its name",
  PermanentRedirect: "Write the bucket's region: ?region=…",
  RequestTimeTooSkewed: "Set this machine's clock",
  SignatureDoesNotMatch: "Check AWS_SECRET_ACCESS_KEY",
};

/** Details of a `RemoteFailure`. */
export interface RemoteFailureOptions {
  /** The status of the answer; absent where none came. */
  readonly status?: number;
  /** The service's code for the error. */
  readonly serviceCode?: string;
  /** The service's name for the request, for its support. */
  readonly requestId?: string;
  /** The service asked to wait this long. */
  readonly retryAfterMs?: number;
  /** The class, where neither status nor code tells it. */
  readonly code?: BlobErrorCode;
  /** May pass by itself; by its class when absent. */
  readonly retryable?: boolean;
  /** What happened, as half a sentence without secrets. */
  readonly reason?: string;
  /** Where the service says that it is instead. Not shown. */
  readonly location?: string;
}

/** A request that did not do what it was made for. Holds no secrets. */
export class RemoteFailure extends Error {
  /** The class. */
  readonly code: BlobErrorCode;
  /** May pass by itself. */
  readonly retryable: boolean;
  /** The service asked to wait this long. */
  readonly retryAfterMs: number | undefined;
  /** The status of the answer, if one came. */
  readonly status: number | undefined;
  /** Where the service says that it is instead; may hold secrets. */
  readonly location: string | undefined;

  /** Classifies a failure. */
  constructor(options: RemoteFailureOptions) {
    const serviceCode = matching(options.serviceCode, SERVICE_CODE);
    super(describe({ ...options, serviceCode }));
    this.name = "RemoteFailure";
    this.code = options.code ?? classify(options.status, serviceCode);
    this.retryable = options.retryable ?? RETRYABLE.has(this.code);
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
    this.location = options.location;
  }
}

/** What was being done when a failure came. */
export interface RemoteAction {
  /** `put "packs/00/…" in s3://bucket`: safe to show. */
  readonly action: string;
  /** The caller's signal. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The error to throw for whatever came out of a request. Only a
 * `RemoteFailure` is quoted: other errors may hold what must not be shown.
 */
export function remoteError(error: unknown, options: RemoteAction): BlobError {
  const { action, signal } = options;
  if (error instanceof BlobError) return error;
  if (signal?.aborted) return cancelled(action, signal.reason);
  if (error instanceof RemoteFailure) {
    const { code, message, retryable, retryAfterMs } = error;
    return new BlobError(`Cannot ${action}: ${message}`, {
      code,
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  return remoteError(libraryFailure(error, "the client library"), options);
}

/**
 * What a library rejected with, as a failure that keeps nothing of it but the
 * kind of error. `library` ends a sentence: "the AWS client library".
 */
export function libraryFailure(error: unknown, library: string): RemoteFailure {
  if (error instanceof RemoteFailure) return error;
  const { name, message } = error instanceof Error
    ? error
    : { name: "", message: "" };
  // Deno's own words: they name the flag to run with, and no secret.
  if (name === "NotCapable") {
    return new RemoteFailure({ code: "PermissionDenied", reason: message });
  }
  const shown = /^[A-Za-z]{1,60}$/.test(name) ? name : "an error";
  return new RemoteFailure({
    code: "Unknown",
    reason: `${shown} in ${library}`,
  });
}

function classify(
  status: number | undefined,
  serviceCode: string | undefined,
): BlobErrorCode {
  const byCode = serviceCode === undefined
    ? undefined
    : BY_SERVICE_CODE[serviceCode];
  if (byCode !== undefined) return byCode;
  if (status === undefined) return "Unavailable";
  if (status >= 300 && status < 400) return "InvalidConfig";
  return BY_STATUS[status] ?? (status >= 500 ? "Unavailable" : "Unknown");
}

function describe(options: {
  readonly status?: number;
  readonly serviceCode: string | undefined;
  readonly requestId?: string;
  readonly reason?: string;
}): string {
  const { status, serviceCode, reason } = options;
  const parts: string[] = [];
  if (status !== undefined) {
    const code = serviceCode === undefined ? "" : ` ${serviceCode}`;
    const id = matching(options.requestId, REQUEST_ID);
    const request = id === undefined ? "" : ` (request ${id})`;
    parts.push(`the service answered HTTP ${status}${code}${request}`);
  }
  if (reason !== undefined) parts.push(reason);
  const advice = serviceCode === undefined ? undefined : ADVICE[serviceCode];
  const text = parts.join(": ");
  return advice === undefined ? text : `${text}. ${advice}`;
}

function matching(
  text: string | undefined,
  pattern: RegExp,
): string | undefined {
  return text !== undefined && pattern.test(text) ? text : undefined;
}
