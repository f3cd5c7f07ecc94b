/**
 * The Azure SDK, told to leave to us what is ours: connections and repeats.
 *
 * @module
 */

import { Readable } from "node:stream";
import {
  AnonymousCredential,
  BlobServiceClient,
  type ContainerClient,
  newPipeline,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import type { AzurePlace } from "./azure_url.ts";
import { libraryFailure, RemoteFailure } from "./remote_failure.ts";
import type { RemoteAnswer, RemoteTransport } from "./remote_transport.ts";

type HttpClient = NonNullable<StoragePipelineOptions["httpClient"]>;
type SdkRequest = Parameters<HttpClient["sendRequest"]>[0];
type SdkResponse = Awaited<ReturnType<HttpClient["sendRequest"]>>;

/** How an account is entered. Secret. */
interface AzureAccess {
  readonly endpoint: string | undefined;
  readonly accountKey: string | undefined;
  readonly sasToken: string | undefined;
}

/** Reads a variable of the environment; undefined where it is not set. */
export type ReadVariable = (name: string) => string | undefined;

/** A client for a place, over a transport. Throws `RemoteFailure` without credentials. */
export function makeAzureClient(
  place: AzurePlace,
  transport: RemoteTransport,
  variable: ReadVariable,
): ContainerClient {
  const access = findAccess(place, variable);
  const endpoint = place.endpoint ?? access.endpoint ??
    `https://${place.account}.blob.core.windows.net`;
  const credential = access.accountKey === undefined
    ? new AnonymousCredential()
    : new StorageSharedKeyCredential(place.account, access.accountKey);
  const pipeline = newPipeline(credential, {
    httpClient: { sendRequest: (request) => sendRequest(transport, request) },
    // Layers around the store repeat.
    retryOptions: { maxTries: 1 },
  });
  const query = access.sasToken === undefined ? "" : `?${access.sasToken}`;
  const service = new BlobServiceClient(`${endpoint}${query}`, pipeline);
  return service.getContainerClient(place.container);
}

/** What the SDK rejected with, as a failure that keeps nothing of it. */
export function azureFailure(error: unknown): RemoteFailure {
  return libraryFailure(error, "the Azure client library");
}

function findAccess(place: AzurePlace, variable: ReadVariable): AzureAccess {
  const fields = connectionFields(
    variable("AZURE_STORAGE_CONNECTION_STRING"),
    place.account,
  );
  const accountKey = variable("AZURE_STORAGE_KEY") ?? fields.get("AccountKey");
  const sasToken = variable("AZURE_STORAGE_SAS_TOKEN") ??
    fields.get("SharedAccessSignature");
  if (accountKey === undefined && sasToken === undefined) {
    throw new RemoteFailure({
      code: "InvalidConfig",
      reason: `no credentials were found for the account "${place.account}". ` +
        `Set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or ` +
        `AZURE_STORAGE_CONNECTION_STRING`,
    });
  }
  return {
    endpoint: fields.get("BlobEndpoint")?.replace(/\/$/, ""),
    accountKey,
    // The key can do more, and does not run out.
    sasToken: accountKey === undefined
      ? sasToken?.replace(/^\?/, "")
      : undefined,
  };
}

/** The fields of a connection string that is for this account. */
function connectionFields(
  text: string | undefined,
  account: string,
): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of text?.split(";") ?? []) {
    const at = field.indexOf("=");
    if (at > 0) fields.set(field.slice(0, at).trim(), field.slice(at + 1));
  }
  const named = fields.get("AccountName");
  return named === undefined || named === account ? fields : new Map();
}

async function sendRequest(
  transport: RemoteTransport,
  request: SdkRequest,
): Promise<SdkResponse> {
  const { method, url, headers, body, abortSignal } = request;
  const answer = await transport.send({
    method,
    url,
    headers: headers.toJson(),
    signal: abortSignal as AbortSignal | undefined,
    ...(body === undefined || body === null ? {} : { body: bodyOf(body) }),
  });
  const isStream = request.streamResponseStatusCodes?.has(answer.status) ||
    request.streamResponseStatusCodes?.has(Number.POSITIVE_INFINITY);
  return {
    request,
    status: answer.status,
    headers: headersOf(request, answer),
    ...(isStream
      ? { readableStreamBody: Readable.from([answer.body]) }
      : { bodyAsText: new TextDecoder().decode(answer.body) }),
  };
}

function bodyOf(body: unknown): Uint8Array<ArrayBuffer> {
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  if (typeof body === "string") return new TextEncoder().encode(body);
  throw new RemoteFailure({
    code: "Unknown",
    reason: "the Azure client library sends a body of an unknown kind",
  });
}

/** The SDK's own kind of headers, whose maker it does not export. */
function headersOf(
  request: SdkRequest,
  answer: RemoteAnswer,
): SdkResponse["headers"] {
  const HeadersOfSdk = request.headers.constructor as new (
    fields: Record<string, string>,
  ) => SdkResponse["headers"];
  return new HeadersOfSdk(Object.fromEntries(answer.headers));
}
