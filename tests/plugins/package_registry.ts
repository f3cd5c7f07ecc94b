/** A registry of npm on loopback, with one package whose content tests change. */

import { createHash } from "node:crypto";

const BLOCK = 512;

/** The name of its package. */
export const PACKAGE_NAME = "@toys/plugin";

/** A tape archive of these files, by path. */
export function tar(files: Readonly<Record<string, string>>): Uint8Array {
  const parts: Uint8Array[] = [];
  const encoder = new TextEncoder();
  for (const [path, text] of Object.entries(files)) {
    const content = encoder.encode(text);
    const header = new Uint8Array(BLOCK);
    const put = (offset: number, field: string): void => {
      header.set(encoder.encode(field), offset);
    };
    put(0, path);
    put(100, "0000644\0");
    put(124, `${content.length.toString(8).padStart(11, "0")}\0`);
    put(136, "00000000000\0");
    // The checksum counts itself as spaces.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    const sum = header.reduce((total, byte) => total + byte, 0);
    put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
    const padding = (BLOCK - content.length % BLOCK) % BLOCK;
    parts.push(header, content, new Uint8Array(padding));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  const whole = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

/** Serves {@link PACKAGE_NAME} in the version 1.2.3. */
export class PackageRegistry implements AsyncDisposable {
  /** The package's module. */
  text: string;
  /** Paths that were asked for. */
  readonly requests: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts it. */
  constructor(text: string) {
    this.text = text;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      ({ url }) => this.#answer(new URL(url)),
    );
  }

  /** The line of `.npmrc` that sends Deno here for this package. */
  get npmrc(): string {
    return `@toys:registry=http://127.0.0.1:${this.#server.addr.port}/\n`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer({ pathname, origin }: URL): Promise<Response> {
    this.requests.push(decodeURIComponent(pathname));
    const tarball = await this.#tarball();
    if (pathname.endsWith(".tgz")) return new Response(tarball);
    const hash = (algorithm: string): ReturnType<typeof createHash> =>
      createHash(algorithm).update(tarball);
    const version = "1.2.3";
    return Response.json({
      name: PACKAGE_NAME,
      "dist-tags": { latest: version },
      time: { [version]: "2020-01-01T00:00:00Z" },
      versions: {
        [version]: {
          name: PACKAGE_NAME,
          version,
          dist: {
            tarball: `${origin}/${PACKAGE_NAME}/-/plugin.tgz`,
            integrity: `sha512-${hash("sha512").digest("base64")}`,
            shasum: hash("sha1").digest("hex"),
          },
        },
      },
    });
  }

  async #tarball(): Promise<Uint8Array<ArrayBuffer>> {
    const files = tar({
      "package/package.json": JSON.stringify({
        name: PACKAGE_NAME,
        version: "1.2.3",
        type: "module",
        exports: "./store.js",
      }),
      "package/store.js": this.text,
    });
    const packed = new Blob([files as Uint8Array<ArrayBuffer>]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    return await new Response(packed).bytes();
  }
}
