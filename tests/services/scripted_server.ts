/** A web server that answers, breaks off or resets as a script says. */

const HEAD_END = "\r\n\r\n";

/** A request that came in. */
export interface ScriptedRequest {
  /** GET, HEAD, PUT. */
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Its body. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * What to answer; "hang up" closes the connection without a word, "be silent"
 * keeps it open without one.
 */
export type ScriptedReply = "hang up" | "be silent" | {
  /** The status. */
  readonly status: number;
  /** Headers beside Content-Length. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: string | Uint8Array;
  /** Only so many bytes of the body are sent, then the connection is closed. */
  readonly bytesSent?: number;
  /** Instead of being closed the connection falls silent. */
  readonly thenSilent?: boolean;
};

/** Decides about a request. */
export type Script = (
  request: ScriptedRequest,
) => ScriptedReply | Promise<ScriptedReply>;

/** A server on loopback; disposing it closes it. */
export class ScriptedServer implements AsyncDisposable {
  /** `http://127.0.0.1:…` */
  readonly address: string;
  /** What it answers. May be changed at any time. */
  script: Script;
  readonly #listener: Deno.Listener;
  readonly #connections: Set<Deno.Conn> = new Set();
  readonly #ended: Promise<void>;
  #closed = false;

  /** Listens on a free port, or takes over what listens already. */
  constructor(
    script: Script,
    listener: Deno.TcpListener = Deno.listen({
      hostname: "127.0.0.1",
      port: 0,
    }),
  ) {
    this.script = script;
    this.#listener = listener;
    this.address = `http://127.0.0.1:${listener.addr.port}`;
    this.#ended = this.#accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.#listener.close();
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    await this.#ended;
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      this.#connections.add(connection);
      serving.push(this.#serve(connection));
    }
    await Promise.all(serving);
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    try {
      let rest = new Uint8Array(0);
      for (;;) {
        const read = await readRequest(connection, rest);
        if (read === undefined) break;
        rest = read.rest;
        const isOpen = await answer(
          connection,
          read.request.method,
          await this.script(read.request),
        );
        if (!isOpen) break;
      }
    } catch {
      // The client has gone, or the server was closed.
    } finally {
      if (this.#connections.delete(connection)) connection.close();
    }
  }
}

/** False when the connection is to be closed. */
async function answer(
  connection: Deno.Conn,
  method: string,
  reply: ScriptedReply,
): Promise<boolean> {
  if (reply === "hang up") return false;
  if (reply === "be silent") return true;
  const { status, headers = {}, body = "", bytesSent } = reply;
  const bytes = typeof body === "string"
    ? new TextEncoder().encode(body)
    : body;
  const fields = { "content-length": `${bytes.length}`, ...headers };
  const head = [
    `HTTP/1.1 ${status} Scripted`,
    ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
  ].join("\r\n") + HEAD_END;
  await writeAll(connection, new TextEncoder().encode(head));
  if (method === "HEAD") return true;
  await writeAll(connection, bytes.subarray(0, bytesSent));
  return bytesSent === undefined || reply.thenSilent === true;
}

async function readRequest(
  connection: Deno.Conn,
  before: Uint8Array<ArrayBuffer>,
): Promise<
  { request: ScriptedRequest; rest: Uint8Array<ArrayBuffer> } | undefined
> {
  let bytes = before;
  const chunk = new Uint8Array(65_536);
  async function more(): Promise<boolean> {
    const count = await connection.read(chunk);
    if (count === null) return false;
    const longer = new Uint8Array(bytes.length + count);
    longer.set(bytes);
    longer.set(chunk.subarray(0, count), bytes.length);
    bytes = longer;
    return true;
  }
  let headLength = -1;
  while ((headLength = text(bytes).indexOf(HEAD_END)) < 0) {
    if (!await more()) return undefined;
  }
  const [first = "", ...lines] = text(bytes.subarray(0, headLength))
    .split("\r\n");
  const headers = new Map(lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  }));
  const start = headLength + HEAD_END.length;
  const end = start + Number(headers.get("content-length") ?? 0);
  while (bytes.length < end) if (!await more()) return undefined;
  const [method = "", target = ""] = first.split(" ");
  const body = bytes.slice(start, end);
  return {
    request: { method, target, headers, body },
    rest: bytes.slice(end),
  };
}

/** Bytes as characters, one each. */
function text(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

async function writeAll(
  connection: Deno.Conn,
  bytes: Uint8Array,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await connection.write(bytes.subarray(written));
  }
}
