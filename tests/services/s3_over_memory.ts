/**
 * As much of an S3 service as a store needs, over a space in memory, and on the
 * wire every kind of fault that a service and a network have.
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { ScriptedReply, ScriptedRequest } from "./scripted_server.ts";

/** How often what goes wrong with a request: chances from 0 to 1. */
export interface WireFaults {
  /** Nothing was done, and the answer says so (503), or none comes. */
  readonly before: number;
  /** It was done, and the answer says otherwise, or none comes. */
  readonly after: number;
  /** The answer breaks off. */
  readonly truncated: number;
  /** It takes up to `slowMsMax`. */
  readonly slow: number;
  /** The longest that a slow request takes. */
  readonly slowMsMax: number;
}

/** Options of {@link S3OverMemory}. */
export interface S3OverMemoryOptions {
  /** Where the objects are; the bucket's name is of no matter. */
  readonly store: BlobStore;
  /** What goes wrong. */
  readonly faults: WireFaults;
  /** Decides when; answers numbers from 0 up to, not with, 1. */
  readonly random: () => number;
}

const PAGE_LENGTH = 50;
const BUSY: ScriptedReply = {
  status: 503,
  body: "<Error><Code>SlowDown</Code></Error>",
};

/** Answers requests of a path-style client. */
export class S3OverMemory {
  readonly #options: S3OverMemoryOptions;
  /** Requests with which something went wrong. */
  faultCount = 0;

  /** Over this store. */
  constructor(options: S3OverMemoryOptions) {
    this.#options = options;
  }

  /** Answers a request, or does what is worse. */
  async answer(request: ScriptedRequest): Promise<ScriptedReply> {
    const { faults, random } = this.#options;
    const roll = random();
    if (random() < faults.slow) {
      const slowMs = random() * faults.slowMsMax;
      await new Promise((resolve) => setTimeout(resolve, slowMs));
    }
    if (roll < faults.before) return this.#refuse();
    const reply = await this.#perform(request);
    if (roll < faults.before + faults.after) return this.#refuse();
    if (roll < faults.before + faults.after + faults.truncated) {
      return this.#truncate(reply);
    }
    return reply;
  }

  #refuse(): ScriptedReply {
    this.faultCount++;
    return this.#options.random() < 0.5 ? BUSY : "hang up";
  }

  #truncate(reply: ScriptedReply): ScriptedReply {
    if (typeof reply === "string" || !reply.body) return reply;
    this.faultCount++;
    const bytesSent = Math.floor(this.#options.random() * reply.body.length);
    return { ...reply, bytesSent };
  }

  async #perform(
    { method, target, headers, body }: ScriptedRequest,
  ): Promise<ScriptedReply> {
    const { store } = this.#options;
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
    const { store } = this.#options;
    for await (
      const { key, size } of store.list(query.get("prefix") ?? "", from)
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
