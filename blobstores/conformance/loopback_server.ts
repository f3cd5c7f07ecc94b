/**
 * Takes connections on loopback and closes them: what a web server of the tests
 * is beside its answers.
 *
 * @module
 */

/** Has one connection, until it returns or rejects. */
export type ServeConnection = (connection: Deno.TcpConn) => Promise<void>;

/** A server on loopback; disposing it ends all connections. */
export class LoopbackServer implements AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly #listener: Deno.TcpListener;
  readonly #serve: ServeConnection;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #ended: Promise<void>;
  #closed = false;

  /** Listens on a free port, or takes over what listens already. */
  constructor(
    serve: ServeConnection,
    listener: Deno.TcpListener = Deno.listen({
      hostname: "127.0.0.1",
      port: 0,
    }),
  ) {
    this.#serve = serve;
    this.#listener = listener;
    this.host = `127.0.0.1:${listener.addr.port}`;
    this.#ended = this.#accept();
  }

  /** Ends all connections; once is enough. */
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
      serving.push(this.#take(connection));
    }
    await Promise.all(serving);
  }

  async #take(connection: Deno.TcpConn): Promise<void> {
    try {
      await this.#serve(connection);
    } catch {
      // The client has gone, or the server was closed.
    } finally {
      if (this.#connections.delete(connection)) connection.close();
    }
  }
}
