/**
 * The AWS SDK, told to leave to us what is ours: connections and repeats.
 *
 * @module
 */

import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { libraryFailure, RemoteFailure } from "./remote_failure.ts";
import type { RemoteTransport } from "./remote_transport.ts";
import type { S3Place } from "./s3_url.ts";

/** For services that have no regions; all of them take it. */
const ANY_REGION = "us-east-1";

/** The SDK's request, as far as it matters. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly method: string;
  readonly query: Record<string, string | string[] | null>;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

/**
 * An answer's body as the stream that the SDK wants. The SDK hands the stream
 * of an object on as it is, so that its bytes need not be copied out of it.
 */
export class HeldBody extends ReadableStream<Uint8Array> {
  /** All of it. */
  readonly bytes: Uint8Array<ArrayBuffer>;

  /** Takes over the bytes. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    super({
      pull(controller): void {
        controller.enqueue(bytes);
        controller.close();
      },
    }, { highWaterMark: 0 });
    this.bytes = bytes;
  }
}

/** A client for a place, over a transport. */
export function makeS3Client(
  { endpoint, region, pathStyle }: S3Place,
  transport: RemoteTransport,
): S3Client {
  const anywhere = endpoint !== undefined &&
    Deno.env.get("AWS_REGION") === undefined;
  const wanted = region ?? (anywhere ? ANY_REGION : undefined);
  const requestHandler = {
    metadata: { handlerProtocol: "http/1.1" },
    handle: (
      request: SdkRequest,
      options: { abortSignal?: AbortSignal } = {},
    ) => handle(transport, request, options.abortSignal),
    destroy(): void {},
  };
  return new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(wanted === undefined ? {} : { region: wanted }),
    forcePathStyle: pathStyle,
    // Layers around the store repeat.
    maxAttempts: 1,
    // The newer checksums, which not all services take; bodies are signed by
    // their SHA-256 anyway, and what is read is verified by the archive.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: requestHandler as NonNullable<
      S3ClientConfig["requestHandler"]
    >,
  });
}

/** What the SDK rejected with, as a failure that keeps nothing of it. */
export function s3Failure(error: unknown): RemoteFailure {
  const { name, message } = error instanceof Error
    ? error
    : { name: "", message: "" };
  const isOurs = error instanceof RemoteFailure || name === "NotCapable";
  if (isOurs) return libraryFailure(error, "the AWS client library");
  if (/credential|token provider|profile|\bsso\b/i.test(name + message)) {
    return new RemoteFailure({
      code: "InvalidConfig",
      reason: "no credentials were found. Set AWS_ACCESS_KEY_ID and " +
        "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    });
  }
  if (/region is missing/i.test(message)) {
    return new RemoteFailure({
      code: "InvalidConfig",
      reason: "no region is set. Write ?region=… or set AWS_REGION",
    });
  }
  return libraryFailure(error, "the AWS client library");
}

async function handle(
  transport: RemoteTransport,
  request: SdkRequest,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const { method, headers, body } = request;
  const answer = await transport.send({
    method,
    url: urlOf(request),
    headers,
    signal,
    ...(body === undefined ? {} : { body: bodyOf(body) }),
  });
  return {
    response: {
      statusCode: answer.status,
      headers: Object.fromEntries(answer.headers),
      body: new HeldBody(answer.body),
    },
  };
}

function bodyOf(body: unknown): Uint8Array<ArrayBuffer> {
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  if (typeof body === "string") return new TextEncoder().encode(body);
  throw new RemoteFailure({
    code: "Unknown",
    reason: "the AWS client library sends a body of an unknown kind",
  });
}

function urlOf(request: SdkRequest): string {
  const { protocol, hostname, port, path, query } = request;
  const address = port === undefined ? hostname : `${hostname}:${port}`;
  const fields = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((it) =>
      it === null ? encode(name) : `${encode(name)}=${encode(it)}`
    )
  );
  const search = fields.length === 0 ? "" : `?${fields.join("&")}`;
  return `${protocol}//${address}${path}${search}`;
}

/** As it is signed: all but letters, digits, "-", ".", "_" and "~" in %XX. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
