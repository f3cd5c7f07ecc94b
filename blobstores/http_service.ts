/**
 * Blobs on any web server, to read: it needs to serve files and ranges of
 * them, nothing more.
 *
 * @module
 */

import type {
  GetOptions,
  ListOptions,
  OperationOptions,
} from "./blob_store.ts";
import {
  isIndex,
  LISTING_NAME,
  parseListing,
  walkIndex,
} from "./http_listing.ts";
import { RemoteFailure } from "./remote_failure.ts";
import type { RemoteObject, RemoteService } from "./remote_store.ts";
import type { RemoteAnswer, RemoteTransport } from "./remote_transport.ts";

const STATUS_NOT_MODIFIED = 304;
/** Answers that mean "nothing for you here". */
const NOTHING: ReadonlySet<number | undefined> = new Set([403, 404, 405]);

/** Why nothing can be written, and what to do: ends "Cannot …: …". */
export const READ_ONLY_FAULT: string =
  "a store on a web server is read-only. Serve snapshots from it with " +
  "--read-only; to write the archive, open the store that is published there";

/** How blobs are listed. */
type ListingKind = "file" | "index" | "none";

/** Files of a web server below a URL. */
export class HttpService implements RemoteService {
  readonly #base: string;
  readonly #transport: RemoteTransport;
  readonly #listingKind: ListingKind;
  /** The last `LISTING`, by its ETag. */
  #known: { etag: string; blobs: RemoteObject[] } | undefined;

  private constructor(
    base: string,
    transport: RemoteTransport,
    listingKind: ListingKind,
  ) {
    this.#base = base;
    this.#transport = transport;
    this.#listingKind = listingKind;
  }

  /**
   * Looks for what the server has at `base`, which ends with "/", and how it
   * lists it. The transport is owned from then on.
   */
  static async open(
    base: string,
    transport: RemoteTransport,
    { signal }: OperationOptions,
  ): Promise<HttpService> {
    const requests = [
      { kind: "file", url: base + LISTING_NAME },
      { kind: "index", url: base },
    ] as const;
    for (const { kind, url } of requests) {
      const answer = await unlessNothing(
        transport.send({ method: "GET", url, headers: JSON_WANTED, signal }),
      );
      if (answer === undefined) continue;
      if (kind === "file") parseListing(answer.body);
      else if (!isIndex(answer.body)) continue;
      return new HttpService(base, transport, kind);
    }
    return new HttpService(base, transport, "none");
  }

  put(): Promise<void> {
    return Promise.reject(
      new RemoteFailure({ code: "Unsupported", reason: READ_ONLY_FAULT }),
    );
  }

  async get(
    name: string,
    { range, signal }: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const last = range && range.offset + range.length - 1;
    const { body } = await this.#send("GET", name, {
      signal,
      headers: range === undefined
        ? {}
        : { range: `bytes=${range.offset}-${last}` },
    });
    return body;
  }

  async head(
    name: string,
    { signal }: OperationOptions,
  ): Promise<number | null> {
    let answer: RemoteAnswer;
    try {
      answer = await this.#send("HEAD", name, { signal, headers: {} });
    } catch (error) {
      if ((error as RemoteFailure).code === "NotFound") return null;
      throw error;
    }
    const length = answer.headers.get("content-length");
    if (length !== null) return Number(length);
    throw new RemoteFailure({
      code: "Unsupported",
      reason: "the server does not tell the length of a file",
    });
  }

  async *list(
    prefix: string,
    { startAfter = "", signal }: ListOptions,
  ): AsyncGenerator<readonly RemoteObject[], void, undefined> {
    if (this.#listingKind === "none") throw unlistable();
    if (this.#listingKind === "file") {
      const blobs = await this.#readListing(signal);
      yield blobs.filter(({ name }) => name.startsWith(prefix));
      return;
    }
    const read = async (folder: string): Promise<Uint8Array> => {
      const answer = await unlessNothing(
        this.#send("GET", folder, { signal, headers: JSON_WANTED }),
      );
      return answer?.body ?? EMPTY_INDEX;
    };
    yield* walkIndex(read, { prefix, startAfter });
  }

  close(): void {
    this.#transport.close();
  }

  async #readListing(signal: AbortSignal | undefined): Promise<RemoteObject[]> {
    const known = this.#known;
    const headers: Record<string, string> = known === undefined
      ? {}
      : { "if-none-match": known.etag };
    const answer = await this.#send("GET", LISTING_NAME, { signal, headers });
    if (known !== undefined && answer.status === STATUS_NOT_MODIFIED) {
      return known.blobs;
    }
    const blobs = parseListing(answer.body);
    const etag = answer.headers.get("etag");
    this.#known = etag === null ? undefined : { etag, blobs };
    return blobs;
  }

  async #send(
    method: string,
    name: string,
    options: {
      readonly signal: AbortSignal | undefined;
      readonly headers: Readonly<Record<string, string>>;
    },
  ): Promise<RemoteAnswer> {
    const url = this.#base + name;
    try {
      return await this.#transport.send({ method, url, ...options });
    } catch (error) {
      if (!(error instanceof RemoteFailure)) throw error;
      throw isFolder(error, url) ? new RemoteFailure({ status: 404 }) : error;
    }
  }
}

const JSON_WANTED: Readonly<Record<string, string>> = {
  accept: "application/json",
};

const EMPTY_INDEX: Uint8Array = new TextEncoder().encode("[]");

/** A web server sends whoever asks for a folder to the same name with "/". */
function isFolder({ location }: RemoteFailure, url: string): boolean {
  if (location === undefined || !URL.canParse(location, url)) return false;
  return new URL(location, url).pathname === `${new URL(url).pathname}/`;
}

async function unlessNothing(
  sent: Promise<RemoteAnswer>,
): Promise<RemoteAnswer | undefined> {
  try {
    return await sent;
  } catch (error) {
    if (error instanceof RemoteFailure && NOTHING.has(error.status)) {
      return undefined;
    }
    throw error;
  }
}

function unlistable(): RemoteFailure {
  return new RemoteFailure({
    code: "Unsupported",
    reason: "the server does not list its files, and an archive's newest " +
      "state is found by listing. In the published folder type: find . -type " +
      `f -printf '%s %P\\n' > ${LISTING_NAME}. Or let the server list them as ` +
      "JSON (nginx: autoindex on; autoindex_format json;)",
  });
}
