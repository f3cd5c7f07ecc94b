/** As much of an S3 service as a store needs, over blobs in memory. */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { ScriptedReply, ScriptedRequest } from "./scripted_server.ts";

const PAGE_LENGTH = 50;
/** Answers requests of a path-style client. */
export class S3OverMemory {
  readonly #store: BlobStore;

  /** Its objects are the blobs of this store; the bucket's name is of no matter. */
  constructor(store: BlobStore) {
    this.#store = store;
  }

  /** Answers a request. */
  async answer(
    { method, target, headers, body }: ScriptedRequest,
  ): Promise<ScriptedReply> {
    const store = this.#store;
    const url = new URL(target, "http://localhost");
    const key = decodeURIComponent(url.pathname).split("/").slice(2).join("/");
    if (key === "") return await this.#list(url.searchParams);
    if (method === "PUT") {
      const ifAbsent = headers.get("if-none-match") === "*";
      try {
        await store.put(key, body, { ifAbsent });
        return { status: 200 };
      } catch (error) {
        if ((error as { code?: string }).code !== "AlreadyExists") throw error;
        return { status: 412 };
      }
    }
    const found = await store.head(key);
    if (found === null) return { status: 404 };
    const bytes = await store.get(key);
    if (method === "HEAD") return { status: 200, body: bytes };
    const range = /^bytes=(\d+)-(\d+)$/.exec(headers.get("range") ?? "");
    if (range === null) return { status: 200, body: bytes };
    return rangeOf(bytes, Number(range[1]), Number(range[2]));
  }

  async #list(query: URLSearchParams): Promise<ScriptedReply> {
    const startAfter = query.get("continuation-token") ??
      query.get("start-after");
    const found: string[] = [];
    let last = "";
    let isTruncated = false;
    const from = startAfter === null ? {} : { startAfter };
    for await (
      const { key, size } of this.#store.list(query.get("prefix") ?? "", from)
    ) {
      isTruncated = found.length === PAGE_LENGTH;
      if (isTruncated) break;
      found.push(
        `<Contents><Key>${key}</Key><Size>${size}</Size></Contents>`,
      );
      last = key;
    }
    const next = isTruncated
      ? `<NextContinuationToken>${last}</NextContinuationToken>`
      : "";
    return {
      status: 200,
      headers: { "content-type": "application/xml" },
      body:
        `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${
          found.join("")
        }</ListBucketResult>`,
    };
  }
}

/** The same objects for several servers; nobody holds them. */
export function withoutHold(store: BlobStore): BlobStore {
  return {
    display: store.display,
    capabilities: { ...store.capabilities, hold: false },
    put: (...args) => store.put(...args),
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    list: (...args) => store.list(...args),
    close: () => store.close(),
  };
}

function rangeOf(
  bytes: Uint8Array<ArrayBuffer>,
  first: number,
  last: number,
): ScriptedReply {
  if (first >= bytes.length) return { status: 416 };
  const part = bytes.subarray(first, last + 1);
  const end = first + part.length - 1;
  return {
    status: 206,
    headers: { "content-range": `bytes ${first}-${end}/${bytes.length}` },
    body: part,
  };
}
