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

type Signal = AbortSignal | undefined;

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
interface Call {
  readonly accept: readonly number[];
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
  readonly signal: Signal;
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

/** A folder on a WebDAV server: what can be asked of it, one request each. */
class WebDavFolder {
  readonly display: string;
  /** The folder's URL, which ends with "/". */
  readonly #root: string;
  readonly #authorization: Record<string, string>;
  #closed = false;

  constructor(root: string, display: string, authorization?: string) {
    this.#root = root;
    this.display = display;
    this.#authorization = authorization === undefined ? {} : { authorization };
  }

  close(): void {
    this.#closed = true;
  }

  async describe(path: string, signal: Signal): Promise<Resource | null> {
    return (await this.find(path, "0", signal))[0] ?? null;
  }

  /** A resource, and with depth 1 what lies in it; nothing where there is none. */
  async find(
    path: string,
    depth: "0" | "1",
    signal: Signal,
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

  /** A file's bytes, with the status and tag that they came with. */
  async read(
    path: string,
    { signal, range, accept }: Pick<Call, "signal" | "accept"> & {
      readonly range?: string;
    },
  ): Promise<ReadFile> {
    const headers = range === undefined ? {} : { range };
    const response = await this.#call("GET", path, { accept, headers, signal });
    return {
      status: response.status,
      etag: strong(response.headers.get("etag") ?? ""),
      bytes: await this.#bytes(response, path, signal),
    };
  }

  async write(path: string, body: BodyInit, signal: Signal): Promise<void> {
    await this.#call("PUT", path, { body, accept: [200, 201, 204], signal });
  }

  /** False, leaving both, where there is something at `to`. */
  async move(from: string, to: string, signal: Signal): Promise<boolean> {
    const { status } = await this.#call("MOVE", from, {
      headers: { destination: this.#root + to, overwrite: "F" },
      accept: [201, 204, 412],
      signal,
    });
    return status !== 412;
  }

  /** Asks for a folder; the status is 201 where this very request has made it. */
  async makeFolder(path: string, signal: Signal): Promise<Response> {
    const accept = [201, 301, 400, 401, 403, 405, 409, 423, 501];
    return await this.#call("MKCOL", `${path}/`, { accept, signal });
  }

  async makeRoot(signal: Signal): Promise<void> {
    await this.#call("MKCOL", "", { accept: [201, 405], signal });
  }

  /** DELETE of a folder, whose path ends with "/", takes all that is in it. */
  async remove(path: string, signal: Signal): Promise<void> {
    await this.#call("DELETE", path, { accept: [200, 204, 404], signal });
  }

  /** Deletes what only takes space, if it is there and can be deleted. */
  async tidy(path: string): Promise<void> {
    await this.remove(path, AbortSignal.timeout(TIDY_TIMEOUT_MS))
      .catch(() => undefined);
  }

  /** Throws where a request is not to be sent any more. */
  check(action: string, signal: Signal): void {
    if (signal?.aborted) {
      throw failure("Cancelled", `Cannot ${action}: given up by the caller`);
    }
    if (!this.#closed) return;
    throw failure("Unavailable", `Cannot ${action}: the store was closed`);
  }

  missing(key: string): Error {
    return failure("NotFound", `Cannot get "${key}" in ${this.display}`);
  }

  /** The body, which must not be cut off. */
  #bytes(
    response: Response,
    path: string,
    signal: Signal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const action = `get "${path}" in ${this.display}`;
    return this.#attempt(action, signal, () => response.bytes());
  }

  /** Sends a request. Answers whose body matters have it unread. */
  async #call(method: string, path: string, call: Call): Promise<Response> {
    const { accept, headers = {}, body, signal } = call;
    const action = `${method} "${path}" in ${this.display}`;
    this.check(action, signal);
    const send = (): Promise<Response> =>
      fetch(this.#root + path, {
        method,
        headers: {
          // What is compressed on its way has neither size nor ranges.
          "accept-encoding": "identity",
          ...this.#authorization,
          ...headers,
        },
        // A folder's page is not a blob.
        redirect: "manual",
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
    const response = await this.#attempt(action, signal, send);
    const { status } = response;
    const isAnswer = accept.includes(status);
    const isRead = isAnswer && ["GET", "PROPFIND"].includes(method);
    if (!isRead) await response.body?.cancel();
    if (isAnswer) return response;
    const isOdd = method === "GET" && FOLDER_STATUSES.includes(status) &&
      (await this.describe(path, signal))?.isFolder !== false;
    throw isOdd ? this.missing(path) : failureOf(action, response);
  }

  async #attempt<Result>(
    action: string,
    signal: Signal,
    attempt: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await attempt();
    } catch (cause) {
      this.check(action, signal);
      const found = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot ${action}: ${found}`;
      throw failure("Unavailable", message, { retryable: true, cause });
    }
  }
}

interface ReadFile {
  readonly status: number;
  readonly etag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Lets one of many clients have a key that nothing has. */
class Claims {
  readonly #folder: WebDavFolder;

  constructor(folder: WebDavFolder) {
    this.#folder = folder;
  }

  /** True if the server makes a folder once. */
  async probe(signal: Signal): Promise<boolean> {
    await this.#make("CLAIMS", signal);
    if (await this.#make("CLAIMS", signal)) return false;
    return (await this.#folder.describe("CLAIMS", signal))?.isFolder === true;
  }

  /** Gives an upload its key; rejects with `AlreadyExists`. */
  async create(upload: string, key: string, signal: Signal): Promise<void> {
    const claim = `CLAIMS/${key.replaceAll("/", "~")}`;
    let path = claim;
    for (;;) {
      // The claim lives from before it was asked for, whatever the answer takes.
      const ends = AbortSignal.timeout(CLAIM_RELIED_MS);
      if (await this.#make(path, signal)) {
        const isNew = await this.#publish(upload, key, { signal, ends });
        await this.#folder.tidy(`${claim}/`);
        if (!isNew) throw this.#exists(key);
        return;
      }
      const outcome = await this.#awaitOwner(path, key, signal);
      path = outcome === "dead" ? `${path}/next` : claim;
    }
  }

  async #make(path: string, signal: Signal): Promise<boolean> {
    return (await this.#folder.makeFolder(path, signal)).status === 201;
  }

  async #publish(
    upload: string,
    key: string,
    { signal, ends }: { readonly signal: Signal; readonly ends: AbortSignal },
  ): Promise<boolean> {
    const both = AbortSignal.any([ends, ...signal ? [signal] : []]);
    try {
      return await this.#folder.move(upload, key, both);
    } catch (cause) {
      // The MOVE may still happen: the claim stays until nobody waits for it.
      if (!ends.aborted || signal?.aborted) throw cause;
      const { display } = this.#folder;
      throw failure(
        "Unavailable",
        `Cannot create "${key}" in ${display}: its server answers too slowly`,
        { retryable: true, cause },
      );
    }
  }

  /** Waits for the owner of a claim to publish; "gone" if it has let go, "dead" after a minute. */
  async #awaitOwner(
    path: string,
    key: string,
    signal: Signal,
  ): Promise<"gone" | "dead"> {
    const folder = this.#folder;
    let pauseMs = CLAIM_POLL_MS;
    for (let waitedMs = 0; waitedMs < CLAIM_WAIT_MS; waitedMs += pauseMs) {
      if (await folder.describe(key, signal) !== null) throw this.#exists(key);
      if (await folder.describe(path, signal) === null) return "gone";
      pauseMs = Math.min(CLAIM_POLL_MAX_MS, pauseMs * 1.5);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return "dead";
  }

  #exists(key: string): Error {
    return failure(
      "AlreadyExists",
      `Cannot create "${key}" in ${this.#folder.display}: it exists`,
    );
  }
}

/** A store of blobs in a folder. */
class WebDavStore {
  readonly display: string;
  capabilities = { createExclusive: false, hold: false, concurrencyMax: 16 };
  readonly #folder: WebDavFolder;
  readonly #claims: Claims;
  readonly #knownFolders = new Set<string>();

  constructor(folder: WebDavFolder) {
    this.#folder = folder;
    this.display = folder.display;
    this.#claims = new Claims(folder);
  }

  async start(create: boolean, signal: Signal): Promise<void> {
    const root = await this.#folder.describe("", signal);
    if (root === null && create) {
      await this.#folder.makeRoot(signal);
    } else if (root?.isFolder !== true) {
      throw failure(
        "NotFound",
        `Cannot open ${this.display}: there is no such folder. Ask for a ` +
          `new one with --create`,
      );
    }
    const createExclusive = await this.#claims.probe(signal);
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
    await this.#makeFolders(upload, signal);
    await this.#makeFolders(key, signal);
    try {
      await this.#folder.write(upload, bytes, signal);
      if (ifAbsent) {
        await this.#refuseFolder(key, signal);
        await this.#claims.create(upload, key, signal);
      } else if (!await this.#folder.move(upload, key, signal)) {
        await this.#refuseFolder(key, signal);
        // MOVE over a blob deletes it first on some servers; PUT does not.
        await this.#folder.write(key, bytes, signal);
        await this.#folder.tidy(upload);
      }
    } catch (error) {
      await this.#folder.tidy(upload);
      throw error;
    }
  }

  async get(key: string, given?: Options): Promise<Uint8Array<ArrayBuffer>> {
    checkKey(key);
    const { range, signal } = given ?? {};
    if (range !== undefined) return await this.#getRange(key, range, signal);
    for (let tries = 1; tries <= GET_TRIES_MAX; tries++) {
      const read = { accept: [200], signal };
      const { bytes, etag } = await this.#folder.read(key, read);
      // Apache sends the bytes of a new blob with the length of the old one
      // when it is replaced meanwhile: look whether it was.
      const now = await this.#folder.describe(key, signal);
      if (now === null || now.isFolder) throw this.#folder.missing(key);
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
    const found = await this.#folder.describe(key, given?.signal);
    if (found === null || found.isFolder) return null;
    return { key, size: found.size };
  }

  async delete(key: string, given?: Options): Promise<void> {
    // DELETE of a folder would take all that is in it.
    if (await this.head(key, given) === null) return;
    await this.#folder.remove(key, given?.signal);
  }

  async *list(
    prefix: string,
    { startAfter = "", signal }: Options = {},
  ): AsyncGenerator<Blob, void, undefined> {
    checkPrefix(prefix);
    checkPrefix(startAfter);
    const folders = prefix.split("/").slice(0, -1);
    this.#folder.check("list blobs", signal);
    if (!folders.every(isPart)) return;
    const start = folders.map((folder) => `${folder}/`).join("");
    yield* this.#walk(start, { prefix, startAfter, signal });
  }

  // deno-lint-ignore require-await -- nothing is open between requests
  async close(): Promise<void> {
    this.#folder.close();
  }

  /** The blobs below a folder, whose path ends with "/", in order. */
  async *#walk(
    folder: string,
    wanted: Options & { readonly prefix: string; readonly startAfter: string },
  ): AsyncGenerator<Blob, void, undefined> {
    const { prefix, startAfter, signal } = wanted;
    const resources = await this.#folder.find(folder, "1", signal);
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
        this.#folder.check(`list "${folder}"`, signal);
      }
    }
  }

  async #getRange(
    key: string,
    range: NonNullable<Options["range"]>,
    signal: Signal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { offset, length } = range;
    const end = offset + length;
    const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    if (!whole || offset < 0 || length < 1) throw noRange(key, range);
    const { status, bytes } = await this.#folder.read(key, {
      accept: [200, 206, 416],
      range: `bytes=${offset}-${end - 1}`,
      signal,
    });
    // A server may answer with the whole blob, or with as much as there is.
    const found = status === 200 ? bytes.slice(offset, end) : bytes;
    if (status !== 416 && found.length === length) return found;
    throw noRange(key, range);
  }

  async #refuseFolder(key: string, signal: Signal): Promise<void> {
    const found = await this.#folder.describe(key, signal);
    if (found?.isFolder) throw folderConflict(key);
  }

  /** Makes the folders that a key lies in. */
  async #makeFolders(key: string, signal: Signal): Promise<void> {
    const names = key.split("/").slice(0, -1);
    for (const index of names.keys()) {
      const path = names.slice(0, index + 1).join("/");
      if (this.#knownFolders.has(path)) continue;
      const made = await this.#folder.makeFolder(path, signal);
      if (made.status !== 201) {
        const found = await this.#folder.describe(path, signal);
        if (found === null) {
          throw failureOf(`make the folder "${path}" in ${this.display}`, made);
        }
        if (!found.isFolder) throw folderConflict(path);
      }
      this.#knownFolders.add(path);
    }
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
  const folder = new WebDavFolder(
    parsed.href,
    parsed.href.replace(/^http/, "webdav"),
    username === undefined ? undefined : `Basic ${credentials.toBase64()}`,
  );
  const store = new WebDavStore(folder);
  await store.start(create, signal);
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
