/**
 * Azure Blob Storage through Microsoft's SDK: it signs requests and reads
 * listings; connections are ours (remote_transport.ts).
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ContainerClient } from "@azure/storage-blob";
import { azureFailure } from "./azure_client.ts";
import type {
  GetOptions,
  ListOptions,
  OperationOptions,
  PutOptions,
} from "./blob_store.ts";
import { joinBytes } from "./join_bytes.ts";
import { RemoteFailure } from "./remote_failure.ts";
import type { RemoteObject, RemoteService } from "./remote_store.ts";
import type { RemoteTransport } from "./remote_transport.ts";
import { foundOrNull, sdkOptions } from "./sdk_request.ts";

/** The most that the service gives in one page. */
const PAGE_LENGTH_MAX = 5000;

/** What the service works with. */
export interface AzureServiceOptions {
  /** The container. */
  readonly container: ContainerClient;
  /** What the names of all blobs begin with. */
  readonly prefix: string;
  /** Sends requests; owned. */
  readonly transport: RemoteTransport;
}

/** Blobs of a container below a prefix. */
export class AzureService implements RemoteService {
  readonly #container: ContainerClient;
  readonly #prefix: string;
  readonly #transport: RemoteTransport;

  /** Takes over the transport. */
  constructor({ container, prefix, transport }: AzureServiceOptions) {
    this.#container = container;
    this.#prefix = prefix;
    this.#transport = transport;
  }

  async put(
    name: string,
    body: Uint8Array<ArrayBuffer>,
    { ifAbsent, signal }: PutOptions,
  ): Promise<void> {
    const blob = this.#container.getBlockBlobClient(this.#prefix + name);
    await answer(blob.upload(body, body.length, {
      ...sdkOptions(signal),
      ...(ifAbsent ? { conditions: { ifNoneMatch: "*" } } : {}),
      // Nothing else would notice a byte that changed on the way.
      transactionalContentMD5: createHash("md5").update(body).digest(),
    }));
  }

  async get(
    name: string,
    { range, signal }: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const blob = this.#container.getBlobClient(this.#prefix + name);
    const { readableStreamBody } = await answer(
      blob.download(range?.offset ?? 0, range?.length, {
        ...sdkOptions(signal),
        maxRetryRequests: 0,
      }),
    );
    if (readableStreamBody === undefined) {
      throw new RemoteFailure({
        code: "Unknown",
        reason: "the Azure client library gives no body",
      });
    }
    return await answer(joined(readableStreamBody));
  }

  async head(
    name: string,
    { signal }: OperationOptions,
  ): Promise<number | null> {
    const blob = this.#container.getBlobClient(this.#prefix + name);
    const found = await foundOrNull(
      answer(blob.getProperties(sdkOptions(signal))),
    );
    if (found === null) return null;
    if (found.contentLength !== undefined) return found.contentLength;
    throw new RemoteFailure({
      code: "Unsupported",
      reason: "the service does not tell the length of a blob",
    });
  }

  async delete(name: string, { signal }: OperationOptions): Promise<void> {
    const blob = this.#container.getBlobClient(this.#prefix + name);
    await foundOrNull(answer(blob.delete(sdkOptions(signal))));
  }

  async *list(
    prefix: string,
    { startAfter, signal }: ListOptions,
  ): AsyncGenerator<readonly RemoteObject[], void, undefined> {
    const own = this.#prefix;
    // The service begins at this name itself, if there is such a blob.
    const startFrom = startAfter?.startsWith(prefix) && startAfter > prefix
      ? { startFrom: own + startAfter }
      : {};
    const pages = this.#container.listBlobsFlat({
      prefix: own + prefix,
      ...startFrom,
      ...sdkOptions(signal),
    }).byPage({ maxPageSize: PAGE_LENGTH_MAX });
    for (;;) {
      const page = await answer(pages.next());
      if (page.done === true) return;
      yield page.value.segment.blobItems.map(({ name, properties }) => ({
        name: name.slice(own.length),
        size: properties.contentLength ?? 0,
      }));
    }
  }

  close(): void {
    this.#transport.close();
  }
}

/** The SDK's answer; its own errors become failures without its objects. */
async function answer<Output>(sent: Promise<Output>): Promise<Output> {
  try {
    return await sent;
  } catch (error) {
    throw azureFailure(error);
  }
}

async function joined(
  stream: NodeJS.ReadableStream,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as unknown as Uint8Array);
  return joinBytes(chunks);
}
