/**
 * HTTP/1.1 messages as bytes, passed on as they are: a signature covers what the
 * client sent.
 *
 * @module
 */

import { joinBytes } from "../join_bytes.ts";

const HEAD_END = "\r\n\r\n";

/** A message: its head with the empty line, and its body. */
export interface HttpMessage {
  /** Start line and fields. */
  readonly head: string;
  /** The body. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** What came behind it: the begin of the next message. */
  readonly rest: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a message whose body's length is told, `before` being what has come of
 * it; undefined if the connection ends earlier.
 */
export async function readMessage(
  connection: Deno.TcpConn,
  before: Uint8Array<ArrayBuffer> = new Uint8Array(0),
): Promise<HttpMessage | undefined> {
  let bytes = before;
  let end = -1;
  const chunk = new Uint8Array(65_536);
  for (;;) {
    const headEnd = end < 0 ? latin1(bytes).indexOf(HEAD_END) : end;
    if (headEnd >= 0) {
      end = headEnd;
      const head = latin1(bytes.subarray(0, end + HEAD_END.length));
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      const total = end + HEAD_END.length + length;
      if (bytes.length >= total) {
        return {
          head,
          body: bytes.subarray(end + HEAD_END.length, total),
          rest: bytes.slice(total),
        };
      }
    }
    const count = await connection.read(chunk);
    if (count === null) return undefined;
    bytes = joinBytes([bytes, chunk.subarray(0, count)]);
  }
}

/** Sends a message to a server and takes its whole answer. */
export async function relay(
  address: { readonly hostname: string; readonly port: number },
  { head, body }: Pick<HttpMessage, "head" | "body">,
): Promise<{ bytes: Uint8Array; headLength: number }> {
  using server = await Deno.connect(address);
  // The end of the answer is the end of the connection. No client signs this.
  const fields = head.replace(/^connection:.*\r\n/gim, "")
    .replace(/\r\n\r\n$/, "\r\nConnection: close\r\n\r\n");
  await writeAll(server, Uint8Array.from(fields, (it) => it.charCodeAt(0)));
  await writeAll(server, body);
  const parts: Uint8Array[] = [];
  for await (const part of server.readable.values({ preventCancel: true })) {
    parts.push(part);
  }
  const bytes = joinBytes(parts);
  return { bytes, headLength: latin1(bytes).indexOf(HEAD_END) + 4 };
}

/** The status of an answer. */
export function statusOf(answer: Uint8Array): number {
  return Number(latin1(answer.subarray(0, 12)).slice(9));
}

/** Writes all of it. */
export async function writeAll(
  connection: Deno.TcpConn,
  bytes: Uint8Array,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await connection.write(bytes.subarray(written));
  }
}

/** Bytes as characters, one each. */
function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}
