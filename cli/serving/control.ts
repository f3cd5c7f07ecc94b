/**
 * The control socket: how a command reaches the server that holds an archive.
 * One JSON object a line goes each way; the socket has mode 0600 inside the
 * state folder, so whoever may read the state may control the server.
 *
 * @module
 */

/** A request: a verb and what it needs. */
export interface ControlRequest {
  /** Such as "snapshot.create". */
  readonly verb: string;
  /** Arguments, by name. */
  readonly [argument: string]: unknown;
}

/** Answers one request; what it throws goes back as an error. */
export type ControlHandler = (request: ControlRequest) => Promise<unknown>;

/** A server's refusal, as it reached the command. */
export class ControlError extends Error {
  /** The server's own code for it, such as "NameTaken". */
  readonly code: string | undefined;

  /** Carries the server's words. */
  constructor(message: string, code: string | undefined) {
    super(message);
    this.name = "ControlError";
    this.code = code;
  }
}

/** Longest request or answer in bytes; a longer one is refused. */
const LINE_LENGTH_MAX = 16 * 1024 * 1024;

/** Longest path that a Unix socket can have on every system. */
const SOCKET_PATH_LENGTH_MAX = 100;

/** Where the control socket of a state folder is. */
export function controlSocketPath(
  stateFolder: string,
  stateId: string,
): string {
  const path = `${stateFolder}/control.sock`;
  return path.length <= SOCKET_PATH_LENGTH_MAX
    ? path
    : `/tmp/deepshelf-${stateId}.sock`;
}

/** A running control socket. */
export interface ControlServer {
  /** Stops taking requests and removes the socket. */
  close(): void;
}

/** Serves requests at `path`, replacing the socket that a dead server left. */
export function serveControl(
  path: string,
  handler: ControlHandler,
): ControlServer {
  removeIfPresent(path);
  const listener = Deno.listen({ transport: "unix", path });
  Deno.chmodSync(path, 0o600);
  const connections = new Set<Deno.UnixConn>();
  const accepting = (async (): Promise<void> => {
    for await (const connection of listener) {
      connections.add(connection);
      answer(connection, handler).catch(() => {}).finally(() => {
        connections.delete(connection);
        closeQuietly(connection);
      });
    }
  })();
  accepting.catch(() => {});
  return {
    close(): void {
      closeQuietly(listener);
      for (const connection of connections) closeQuietly(connection);
      removeIfPresent(path);
    },
  };
}

async function answer(
  connection: Deno.UnixConn,
  handler: ControlHandler,
): Promise<void> {
  const line = await readLine(connection);
  if (line === undefined) return;
  let reply: unknown;
  try {
    const request: unknown = JSON.parse(line);
    if (!isRequest(request)) throw new TypeError("A request needs a verb");
    reply = { ok: true, result: await handler(request) ?? null };
  } catch (error) {
    const { message, code } = error as { message?: unknown; code?: unknown };
    reply = { ok: false, message: String(message ?? error), code };
  }
  await writeLine(connection, JSON.stringify(reply));
}

function isRequest(value: unknown): value is ControlRequest {
  return typeof value === "object" && value !== null && "verb" in value &&
    typeof value.verb === "string";
}

/**
 * Asks the server at `path`. Undefined when no server listens there; throws a
 * `ControlError` when the server refuses.
 */
export async function callControl(
  path: string,
  request: ControlRequest,
): Promise<{ readonly result: unknown } | undefined> {
  let connection: Deno.UnixConn;
  try {
    connection = await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.ConnectionRefused
    ) return undefined;
    throw error;
  }
  try {
    await writeLine(connection, JSON.stringify(request));
    const line = await readLine(connection);
    if (line === undefined) {
      throw new ControlError(
        `The server at ${path} went away before it answered "${request.verb}": try again`,
        undefined,
      );
    }
    const reply = JSON.parse(line) as {
      ok: boolean;
      result?: unknown;
      message?: string;
      code?: string;
    };
    if (!reply.ok) throw new ControlError(reply.message ?? "", reply.code);
    return { result: reply.result };
  } finally {
    closeQuietly(connection);
  }
}

async function writeLine(
  connection: Deno.UnixConn,
  text: string,
): Promise<void> {
  const bytes = new TextEncoder().encode(`${text}\n`);
  let written = 0;
  while (written < bytes.length) {
    written += await connection.write(bytes.subarray(written));
  }
}

/** The bytes up to a line feed; undefined when the other end left before it. */
async function readLine(
  connection: Deno.UnixConn,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(4096);
  let text = "";
  while (text.length <= LINE_LENGTH_MAX) {
    const count = await connection.read(chunk);
    if (count === null) return undefined;
    text += decoder.decode(chunk.subarray(0, count), { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return undefined;
}

function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

function removeIfPresent(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
