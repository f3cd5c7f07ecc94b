/**
 * A plugin of Deepshelf: archives on a WebDAV server (RFC 4918).
 *
 * `webdav://host:port/folder` is reached over HTTP, `webdavs://…` over HTTPS.
 * A blob is a file of the same name below that folder. Two more names there
 * are the store's own, `CLAIMS/` and `UPLOADS/`; what is in them can be deleted
 * when no server runs.
 *
 * - A blob appears by MOVE of a finished upload: whole or not at all.
 * - `ifAbsent` is decided by MKCOL: of many clients that make one folder, a
 *   server's file system lets one succeed. Who has made `CLAIMS/KEY` alone may
 *   MOVE to that key. What looks simpler is not safe: of 60 contests of 16
 *   creators, Apache 2.4.71 let several win in 11 with `If-None-Match: *`, in 11
 *   with `Overwrite: F`, and under load it grants one LOCK twice.
 * - A client that dies with a claim leaves it behind. Whoever waits for the blob
 *   for a minute takes over, by a folder in that folder. By then the first one's
 *   MOVE cannot come any more: it sends none later than 20 s after its claim.
 * - WebDAV cannot say when a blob is durable, and Apache does not sync files:
 *   a power cut at the server can cost its last seconds.
 *
 * @module
 */

/** How long after a claim its owner publishes, and others wait for that. */
const CLAIM_RELIED_MS = 20_000;
const CLAIM_WAIT_MS = 60_000;
const CLAIM_POLL_MS = 20;
const CLAIM_POLL_MAX_MS = 500;
const TIDY_TIMEOUT_MS = 10_000;
const GET_TRIES_MAX = 20;

/** What servers say to the GET of a folder, beside 404. */
const FOLDER_STATUSES = [301, 302, 307, 308, 400, 403, 405];

const XML = `<?xml version="1.0" encoding="utf-8"?>`;
const PROPERTIES = `${XML}<propfind xmlns="DAV:"><prop><resourcetype/>
<getcontentlength/><getetag/></prop></propfind>`;

interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly ifAbsent?: boolean;
  readonly range?: { readonly offset: number; readonly length: number };
  readonly startAfter?: string;
}

interface Blob {
  readonly key: string;
  readonly size: number;
}

/** A file or folder, by its path below the root. */
interface Resource extends Blob {
  readonly isFolder: boolean;
  readonly etag: string;
}

/** A request; `accept` has the statuses that are answers, not errors. */
interface Call extends Options {
  readonly accept: readonly number[];
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
}

function failure(
  code: string,
  message: string,
  more: { retryable?: boolean; retryAfterMs?: number; cause?: unknown } = {},
): Error {
  const { cause, ...members } = { retryable: false, ...more };
  return Object.assign(new Error(message, { cause }), { code, ...members });
}

function failureOf(action: string, { status, headers }: Response): Error {
  const message = `Cannot ${action}: HTTP ${status}`;
  const retryAfterMs = Number(headers.get("retry-after") ?? NaN) * 1000;
  const later = {
    retryable: true,
    ...(Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}),
  };
  switch (status) {
    case 401:
    case 403:
      return failure(
        "PermissionDenied",
        `${message}. Look at the options username and password`,
      );
    case 404:
      return failure("NotFound", message);
    case 429:
      return failure("RateLimited", message, later);
    case 507:
      return failure("NoSpace", message);
  }
  const passes = [408, 423, 425, 500, 502, 503, 504].includes(status);
  return passes
    ? failure("Unavailable", message, later)
    : failure("Unknown", message);
}

function isPart(text: string): boolean {
  return /^[a-z0-9._-]+$/.test(text) && text !== "." && text !== "..";
}

function checkKey(key: string): void {
  checkPrefix(key);
  if (!key.split("/").every(isPart)) throw noKey(key);
}

function checkPrefix(text: string): void {
  if (!/^[a-z0-9._/-]{0,200}$/.test(text)) throw noKey(text);
}

function noKey(text: string): Error {
  return failure("InvalidKey", `Cannot use ${JSON.stringify(text)} as a key`);
}

function noRange(key: string, range: Options["range"]): Error {
  return failure(
    "RangeNotSatisfiable",
    `Cannot read ${range?.length} bytes at ${range?.offset} of "${key}"`,
  );
}

function textOf(xml: string, name: string): string {
  const tag = new RegExp(`<(?:[\\w-]+:)?${name}(?:\\s[^>]*)?>([^<]*)<`);
  return (tag.exec(xml)?.[1] ?? "").trim()
    .replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

/** The resources of a multistatus body, whatever its namespace's prefix is. */
function parseResources(xml: string, root: string): Resource[] {
  const tag = String.raw`(?:[\w-]+:)?response`;
  const responses = new RegExp(`<${tag}[\\s>](.*?)</${tag}\\s*>`, "gs");
  return Array.from(xml.matchAll(responses), ([, response = ""]) => {
    const path = new URL(textOf(response, "href"), "http://host").pathname;
    return {
      key: decodeURIComponent(path).slice(root.length).replace(/\/$/, ""),
      isFolder: /<(?:[\w-]+:)?collection[\s/>]/.test(response),
      size: parseInt(textOf(response, "getcontentlength"), 10),
      etag: strong(textOf(response, "getetag")),
    };
  });
}

/** Apache calls the tag of a new file weak for a second. */
function strong(etag: string): string {
  return etag.replace(/^W\//, "");
}

/** A folder sorts as the keys in it do. */
function sortName({ key, isFolder }: Resource): string {
  return isFolder ? `${key}/` : key;
}

class WebDavStore {
  readonly display: string;
  capabilities = { createExclusive: false, hold: false, concurrencyMax: 16 };
  /** The root's URL, which ends with "/". */
  readonly #root: string;
  readonly #authorization: Record<string, string>;
  readonly #knownFolders = new Set<string>();
  #closed = false;

  constructor(root: string, display: string, authorization?: string) {
    this.#root = root;
    this.display = display;
    this.#authorization = authorization === undefined ? {} : { authorization };
  }

  async start(create: boolean, { signal }: Options): Promise<void> {
    const root = await this.#describe("", { signal });
    if (root === null && create) {
      await this.#call("MKCOL", "", { accept: [201, 405], signal });
    } else if (root?.isFolder !== true) {
      throw failure(
        "NotFound",
        `Cannot open ${this.display}: there is no such folder. Ask for a ` +
          `new one with --create`,
      );
    }
    const createExclusive = await this.#probeClaims({ signal });
    this.capabilities = { ...this.capabilities, createExclusive };
  }

  async put(key: string, body: Uint8Array, given?: Options): Promise<void> {
    checkKey(key);
    const { ifAbsent = false, signal } = given ?? {};
    if (ifAbsent && !this.capabilities.createExclusive) {
      throw failure(
        "Unsupported",
        `Cannot create "${key}" in ${this.display}: its server makes one folder twice`,
      );
    }
    // Sending may go on after an abort, when the caller's bytes are his again.
    const bytes = new Uint8Array(body);
    const upload = `UPLOADS/${crypto.randomUUID()}`;
    await this.#makeFolders(upload, { signal });
    await this.#makeFolders(key, { signal });
    try {
      await this.#upload(upload, bytes, { signal });
      if (ifAbsent) {
        await this.#refuseFolder(key, { signal });
        await this.#create(upload, key, { signal });
      } else if (!await this.#publish(upload, key, { signal })) {
        await this.#refuseFolder(key, { signal });
        // MOVE over a blob deletes it first on some servers; PUT does not.
        await this.#upload(key, bytes, { signal });
        await this.#remove(upload);
      }
    } catch (error) {
      await this.#remove(upload);
      throw error;
    }
  }

  async get(
    key: string,
    given?: Options,
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkKey(key);
    const { range, signal } = given ?? {};
    if (range !== undefined) return await this.#getRange(key, range, signal);
    for (let tries = 1; tries <= GET_TRIES_MAX; tries++) {
      const response = await this.#call("GET", key, { accept: [200], signal });
      const bytes = await this.#bytes(response, key, signal);
      // Apache sends the bytes of a new blob with the length of the old one
      // when it is replaced meanwhile: look whether it was.
      const now = await this.#describe(key, { signal });
      if (now === null || now.isFolder) throw this.#missing(key);
      const etag = strong(response.headers.get("etag") ?? "");
      const same = now.etag === etag || now.etag === "";
      if (same && now.size === bytes.length) return bytes;
    }
    throw failure(
      "Unavailable",
      `Cannot get "${key}" in ${this.display}: it is replaced all the time`,
      { retryable: true },
    );
  }

  async head(key: string, given?: Options): Promise<Blob | null> {
    checkKey(key);
    const found = await this.#describe(key, given);
    if (found === null || found.isFolder) return null;
    return { key, size: found.size };
  }

  async delete(key: string, given?: Options): Promise<void> {
    checkKey(key);
    const { signal } = given ?? {};
    // DELETE of a folder would take all that is in it.
    if (await this.head(key, { signal }) === null) return;
    await this.#call("DELETE", key, { accept: [200, 204, 404], signal });
  }

  async *list(
    prefix: string,
    { startAfter = "", signal }: Options = {},
  ): AsyncGenerator<Blob, void, undefined> {
    checkPrefix(prefix);
    checkPrefix(startAfter);
    const folders = prefix.split("/").slice(0, -1);
    this.#check("list blobs", signal);
    if (!folders.every(isPart)) return;
    const start = folders.map((folder) => `${folder}/`).join("");
    yield* this.#walk(start, { prefix, startAfter, signal });
  }

  // deno-lint-ignore require-await -- nothing is open between requests
  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The blobs below a folder, whose path ends with "/", in order. */
  async *#walk(
    folder: string,
    wanted: Options & { readonly prefix: string; readonly startAfter: string },
  ): AsyncGenerator<Blob, void, undefined> {
    const { prefix, startAfter, signal } = wanted;
    const resources = await this.#find(folder, "1", { signal });
    const members = resources.filter(({ key }) =>
      key.startsWith(folder) && isPart(key.slice(folder.length))
    ).sort((left, right) => sortName(left) < sortName(right) ? -1 : 1);
    for (const member of members) {
      const { key, size, isFolder } = member;
      const name = sortName(member);
      if (!name.startsWith(prefix)) continue;
      if (isFolder && (name > startAfter || startAfter.startsWith(name))) {
        yield* this.#walk(name, wanted);
      } else if (!isFolder && key > startAfter) {
        yield { key, size };
        this.#check(`list "${folder}"`, signal);
      }
    }
  }

  async #getRange(
    key: string,
    range: NonNullable<Options["range"]>,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { offset, length } = range;
    const end = offset + length;
    const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    if (!whole || offset < 0 || length < 1) throw noRange(key, range);
    const response = await this.#call("GET", key, {
      accept: [200, 206, 416],
      headers: { range: `bytes=${offset}-${end - 1}` },
      signal,
    });
    const bytes = await this.#bytes(response, key, signal);
    // A server may answer with the whole blob, or with as much as there is.
    const found = response.status === 200 ? bytes.slice(offset, end) : bytes;
    if (response.status !== 416 && found.length === length) return found;
    throw noRange(key, range);
  }

  /** The body, which must not be cut off. */
  async #bytes(
    response: Response,
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#attempt(
      `get "${key}" in ${this.display}`,
      signal,
      () => response.bytes(),
    );
  }

  async #describe(key: string, options?: Options): Promise<Resource | null> {
    return (await this.#find(key, "0", options))[0] ?? null;
  }

  async #find(
    path: string,
    depth: "0" | "1",
    { signal }: Options = {},
  ): Promise<Resource[]> {
    const response = await this.#call("PROPFIND", path, {
      headers: { depth, "content-type": "application/xml" },
      body: PROPERTIES,
      // Apache says 400 to a path that goes on below a file.
      accept: [207, 400, 404],
      signal,
    });
    const text = new TextDecoder().decode(
      await this.#bytes(response, path, signal),
    );
    if (response.status !== 207) return [];
    const root = decodeURIComponent(new URL(this.#root).pathname);
    return parseResources(text, root);
  }

  async #upload(path: string, body: BodyInit, options: Options): Promise<void> {
    await this.#call("PUT", path, {
      ...options,
      body,
      accept: [200, 201, 204],
    });
  }

  /** Gives an upload its key; false, leaving it, if the key is taken. */
  async #publish(
    upload: string,
    key: string,
    { signal }: Options,
  ): Promise<boolean> {
    const headers = { destination: this.#root + key, overwrite: "F" };
    const accept = [201, 204, 412];
    const { status } = await this.#call("MOVE", upload, {
      headers,
      accept,
      signal,
    });
    return status !== 412;
  }

  async #refuseFolder(key: string, options: Options): Promise<void> {
    const found = await this.#describe(key, options);
    if (found?.isFolder) throw folderConflict(key);
  }

  async #makeFolders(key: string, { signal }: Options): Promise<void> {
    const names = key.split("/").slice(0, -1);
    for (const index of names.keys()) {
      const folder = names.slice(0, index + 1).join("/");
      if (this.#knownFolders.has(folder)) continue;
      const made = await this.#call("MKCOL", `${folder}/`, {
        accept: [201, 400, 403, 405, 409],
        signal,
      });
      const found = made.status === 201
        ? null
        : await this.#describe(folder, { signal });
      if (made.status !== 201 && found?.isFolder !== true) {
        if (found !== null) throw folderConflict(folder);
        throw failureOf(`make the folder "${folder}"`, made);
      }
      this.#knownFolders.add(folder);
    }
  }

  /** Deletes an upload, if it is there and can be: it only takes space. */
  async #remove(upload: string): Promise<void> {
    const signal = AbortSignal.timeout(TIDY_TIMEOUT_MS);
    await this.#call("DELETE", upload, { accept: [200, 204, 404], signal })
      .catch(() => undefined);
  }

  /** True if the server makes a folder once. */
  async #probeClaims({ signal }: Options): Promise<boolean> {
    await this.#makeFolder("CLAIMS", { signal });
    if (await this.#makeFolder("CLAIMS", { signal })) return false;
    return (await this.#describe("CLAIMS", { signal }))?.isFolder === true;
  }

  /** Gives an upload a key that nothing has; rejects with `AlreadyExists`. */
  async #create(
    upload: string,
    key: string,
    { signal }: Options,
  ): Promise<void> {
    const claim = `CLAIMS/${key.replaceAll("/", "~")}`;
    let path = claim;
    for (;;) {
      // The claim lives from before it was asked for, whatever the answer takes.
      const ends = AbortSignal.timeout(CLAIM_RELIED_MS);
      if (await this.#makeFolder(path, { signal })) {
        await this.#publishClaimed({ upload, key, claim }, { signal, ends });
        return;
      }
      const outcome = await this.#awaitOwner(path, key, { signal });
      path = outcome === "dead" ? `${path}/next` : claim;
    }
  }

  async #publishClaimed(
    { upload, key, claim }: Record<"upload" | "key" | "claim", string>,
    { signal, ends }: Options & { readonly ends: AbortSignal },
  ): Promise<void> {
    const both = AbortSignal.any([ends, ...signal ? [signal] : []]);
    let isNew: boolean;
    try {
      isNew = await this.#publish(upload, key, { signal: both });
    } catch (cause) {
      // The MOVE may still happen: the claim stays until nobody waits for it.
      if (!ends.aborted || signal?.aborted) throw cause;
      throw failure(
        "Unavailable",
        `Cannot create "${key}" in ${this.display}: its server answers too slowly`,
        { retryable: true, cause },
      );
    }
    await this.#remove(`${claim}/`);
    if (!isNew) throw this.#exists(key);
  }

  /** Waits for the owner of a claim to publish; "gone" if it has let go, "dead" after a minute. */
  async #awaitOwner(
    path: string,
    key: string,
    { signal }: Options,
  ): Promise<"gone" | "dead"> {
    let pauseMs = CLAIM_POLL_MS;
    for (let waitedMs = 0; waitedMs < CLAIM_WAIT_MS; waitedMs += pauseMs) {
      if (await this.#describe(key, { signal }) !== null) {
        throw this.#exists(key);
      }
      if (await this.#describe(path, { signal }) === null) return "gone";
      pauseMs = Math.min(CLAIM_POLL_MAX_MS, pauseMs * 1.5);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return "dead";
  }

  /** True if this very request has made the folder. */
  async #makeFolder(path: string, { signal }: Options): Promise<boolean> {
    const accept = [201, 301, 400, 401, 403, 405, 409, 423, 501];
    const call = { accept, signal };
    const { status } = await this.#call("MKCOL", `${path}/`, call);
    return status === 201;
  }

  /** Sends a request. Answers whose body matters have it unread. */
  async #call(method: string, path: string, call: Call): Promise<Response> {
    const { accept, headers = {}, body, signal } = call;
    const action = `${method} "${path}" in ${this.display}`;
    this.#check(action, signal);
    const response = await this.#attempt(
      action,
      signal,
      () =>
        fetch(this.#root + path, {
          method,
          // What is compressed on its way has neither size nor ranges.
          headers: {
            "accept-encoding": "identity",
            ...this.#authorization,
            ...headers,
          },
          // A folder's page is not a blob.
          redirect: "manual",
          ...(body === undefined ? {} : { body }),
          ...(signal === undefined ? {} : { signal }),
        }),
    );
    const { status } = response;
    const read = ["GET", "PROPFIND"].includes(method) &&
      accept.includes(status);
    if (!read) await response.body?.cancel();
    if (accept.includes(status)) return response;
    const odd = method === "GET" && FOLDER_STATUSES.includes(status) &&
      await this.head(path, { signal }) === null;
    throw odd ? this.#missing(path) : failureOf(action, response);
  }

  async #attempt<Result>(
    action: string,
    signal: AbortSignal | undefined,
    attempt: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await attempt();
    } catch (cause) {
      this.#check(action, signal);
      const found = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot ${action}: ${found}`;
      throw failure("Unavailable", message, { retryable: true, cause });
    }
  }

  #check(action: string, signal: AbortSignal | undefined): void {
    if (signal?.aborted) {
      throw failure("Cancelled", `Cannot ${action}: given up by the caller`);
    }
    if (!this.#closed) return;
    throw failure("Unavailable", `Cannot ${action}: the store was closed`);
  }

  #missing(key: string): Error {
    return failure("NotFound", `Cannot get "${key}" in ${this.display}`);
  }

  #exists(key: string): Error {
    return failure(
      "AlreadyExists",
      `Cannot create "${key}" in ${this.display}: it exists`,
    );
  }
}

function folderConflict(key: string): Error {
  return failure(
    "InvalidKey",
    `Cannot use a key beside "${key}": one would be a folder of the other`,
  );
}

interface OpenOptions {
  readonly create: boolean;
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

async function open(
  url: string,
  { create, settings = {} }: OpenOptions,
  { signal }: { readonly signal?: AbortSignal },
): Promise<WebDavStore> {
  const parsed = URL.parse(url.replace(/^webdav(s?):/i, "http$1:"));
  if (parsed === null || parsed.search !== "" || parsed.hash !== "") {
    throw failure(
      "InvalidConfig",
      "Cannot open a WebDAV store: its URL is not like webdav://host/folder",
    );
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw failure(
      "InvalidConfig",
      `Cannot open the store on ${parsed.host}: write the name and password ` +
        `of its URL into the options username and password`,
    );
  }
  if (!parsed.pathname.endsWith("/")) parsed.pathname += "/";
  const { username, password = "" } = settings;
  const credentials = new TextEncoder().encode(`${username}:${password}`);
  const store = new WebDavStore(
    parsed.href,
    parsed.href.replace(/^http/, "webdav"),
    username === undefined ? undefined : `Basic ${credentials.toBase64()}`,
  );
  await store.start(create, { signal });
  return store;
}

interface Option {
  readonly name: string;
  readonly type: "string";
  readonly description: string;
  readonly secret?: boolean;
}

interface Plugin {
  readonly apiVersion: 1;
  readonly schemes: readonly string[];
  readonly options: readonly Option[];
  readonly open: typeof open;
}

/** The plugin. */
const plugin: Plugin = {
  apiVersion: 1,
  schemes: ["webdav", "webdavs"],
  options: [
    {
      name: "username",
      type: "string",
      description: "Name to log in with; nobody logs in without it",
    },
    {
      name: "password",
      type: "string",
      description: "Password of that user",
      secret: true,
    },
  ],
  open,
};

export default plugin;
