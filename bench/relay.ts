/**
 * A way from inside the bench's network to a service on the loopback outside of
 * it, byte by byte, so that it costs as little as can be.
 *
 * @module
 */

/** Passes connections on; disposing it ends it. */
export class Relay implements AsyncDisposable {
  /** Where it listens, inside: `http://127.0.0.1:…`. */
  readonly endpoint: string;
  readonly #listener: Deno.TcpListener;
  readonly #port: number;
  readonly #connections = new Set<Deno.Conn>();
  readonly #ended: Promise<void>;

  /** From who comes to the listener, which it takes over, to `endpoint`: `http://127.0.0.1:…`. */
  constructor(listener: Deno.TcpListener, endpoint: string) {
    this.#port = Number(new URL(endpoint).port);
    this.#listener = listener;
    this.endpoint = `http://127.0.0.1:${this.#listener.addr.port}`;
    this.#ended = this.#accept();
  }

  /** Ends it, and what passes through it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) close(connection);
    await this.#ended;
  }

  async #accept(): Promise<void> {
    const passing: Promise<void>[] = [];
    for await (const inner of this.#listener) passing.push(this.#pass(inner));
    await Promise.all(passing);
  }

  async #pass(inner: Deno.TcpConn): Promise<void> {
    this.#connections.add(inner);
    let outer: Deno.TcpConn;
    try {
      outer = await Deno.connect({ port: this.#port });
    } catch {
      // The service does not listen: who came learns of it by the end.
      this.#connections.delete(inner);
      close(inner);
      return;
    }
    const both = [inner, outer];
    for (const connection of both) {
      connection.setNoDelay();
      this.#connections.add(connection);
    }
    // Who ends first, or fails, ends both: neither side half-closes.
    await Promise.race([
      inner.readable.pipeTo(outer.writable),
      outer.readable.pipeTo(inner.writable),
    ].map((it) => it.catch(() => {})));
    for (const connection of both) {
      this.#connections.delete(connection);
      close(connection);
    }
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Its stream has closed it.
  }
}
