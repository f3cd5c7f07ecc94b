import assert from "node:assert/strict";
import { blobErrorCode, type BlobStore } from "../../blobstores/blob_store.ts";
import type { BlobStorePlugin } from "../../blobstores/plugin.ts";
import webdav from "../../plugins/examples/webdav.ts";

const plugin: BlobStorePlugin = webdav;

type Answer = (request: Request) => Response | Promise<Response>;

/** A multistatus body as some server might write it. */
function multistatus(...responses: readonly string[]): Response {
  const body = `<?xml version="1.0"?>
<multistatus xmlns="DAV:">${responses.join("\n")}</multistatus>`;
  return new Response(body, { status: 207 });
}

const FOLDER = `<response><href>/a%20b/</href><propstat><prop>
<resourcetype><collection/></resourcetype></prop></propstat></response>`;

/** A server that has an empty folder and no locks, but for what `answer` says. */
async function withServer(
  body: (store: BlobStore, script: (answer: Answer) => void) => Promise<void>,
): Promise<void> {
  const usual: Answer = ({ method }) =>
    method === "PROPFIND"
      ? multistatus(FOLDER)
      : new Response(null, { status: method === "LOCK" ? 405 : 201 });
  let answer = usual;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => answer(request),
  );
  try {
    const url = `webdav://127.0.0.1:${server.addr.port}/a%20b`;
    const store = await plugin.open(url, { create: false }, {});
    await body(store, (scripted) => answer = scripted);
    await store.close();
  } finally {
    await server.shutdown();
  }
}

async function failure(
  operation: Promise<unknown>,
): Promise<Record<string, unknown>> {
  const error = await operation.then(() => null, (error) => error);
  assert.ok(error instanceof Error);
  const { retryable, retryAfterMs } = error as unknown as Record<
    string,
    unknown
  >;
  return {
    code: blobErrorCode(error),
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

Deno.test("webdav: a status is an error that says whether to try again", async () => {
  await withServer(async (store, script) => {
    assert.equal(store.capabilities.createExclusive, false);
    const statuses: [number, string, boolean][] = [
      [401, "PermissionDenied", false],
      [403, "PermissionDenied", false],
      [404, "NotFound", false],
      [408, "Unavailable", true],
      [418, "Unknown", false],
      [429, "RateLimited", true],
      [500, "Unavailable", true],
      [503, "Unavailable", true],
      [507, "NoSpace", false],
    ];
    const range = { offset: 0, length: 4 };
    for (const [status, code, retryable] of statuses) {
      script(({ method }) =>
        // The folder of a GET that is forbidden is looked for, and denied too.
        new Response(null, { status: method === "DELETE" ? 204 : status })
      );
      const expected = { code, retryable };
      assert.deepEqual(await failure(store.get("a", { range })), expected);
      assert.deepEqual(
        await failure(store.put("a", new Uint8Array(1))),
        expected,
      );
    }
    const headers = { "retry-after": "7" };
    script(() => new Response(null, { status: 503, headers }));
    assert.deepEqual(
      await failure(store.head("a")),
      { code: "Unavailable", retryable: true, retryAfterMs: 7000 },
    );
  });
});

Deno.test("webdav: a body that is cut off is no blob", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await withServer(async (store, script) => {
    script(() => {
      const { port } = listener.addr;
      return Response.redirect(`http://127.0.0.1:${port}/`, 307);
    });
    // A redirect is not followed: it would carry the password along.
    assert.equal((await failure(store.head("a")))["code"], "Unknown");
    script(({ method }) =>
      method === "GET"
        ? new Response(
          new ReadableStream({
            pull(controller): void {
              controller.enqueue(new Uint8Array(2));
              controller.error(new Error("cut"));
            },
          }),
          { status: 206, headers: { "content-length": "4" } },
        )
        : multistatus(FOLDER)
    );
    const range = { offset: 0, length: 4 };
    assert.deepEqual(
      await failure(store.get("a", { range })),
      { code: "Unavailable", retryable: true },
    );
  });
  listener.close();
});

Deno.test("webdav: a range is exact whatever the server makes of it", async () => {
  await withServer(async (store, script) => {
    const bytes = new Uint8Array([0, 1, 2, 3, 4, 5]);
    const range = { offset: 1, length: 3 };
    const answers: [Uint8Array<ArrayBuffer>, number, boolean][] = [
      [bytes, 200, true],
      [bytes.slice(1, 4), 206, true],
      [bytes.slice(1, 3), 206, false],
      [bytes.slice(0, 3), 200, false],
      [bytes.slice(0, 0), 416, false],
    ];
    for (const [body, status, fits] of answers) {
      script(() => new Response(body, { status }));
      if (fits) {
        assert.deepEqual(await store.get("a", { range }), bytes.slice(1, 4));
      } else {
        const { code } = await failure(store.get("a", { range }));
        assert.equal(code, "RangeNotSatisfiable");
      }
    }
  });
});

Deno.test("webdav: the page of a folder is not a blob", async () => {
  await withServer(async (store, script) => {
    script(({ method, url }) =>
      method === "PROPFIND"
        ? multistatus(FOLDER.replace("/a%20b/", "/a%20b/x/"))
        : url.endsWith("/x")
        ? new Response("<html>", { status: 200 })
        : new Response(null, { status: 404 })
    );
    assert.equal((await failure(store.get("x")))["code"], "NotFound");
    assert.equal(await store.head("x"), null);
  });
});

Deno.test("webdav: a listing is read in every spelling that is allowed", async () => {
  await withServer(async (store, script) => {
    const members = [
      `<response><href>http://other/a%20b/b0</href><propstat><prop><getcontentlength>7</getcontentlength></prop></propstat></response>`,
      `<response ><href>/a%20b/UPLOADS/</href><propstat><prop><resourcetype><collection/></resourcetype></prop></propstat></response>`,
      `<response><href>/a%20b/b/</href><propstat><prop><resourcetype><collection xmlns="DAV:"/></resourcetype></prop></propstat></response>`,
      `<response><href> /a%20b/%61-1 </href><propstat><prop><getcontentlength>3</getcontentlength></prop></propstat></response>`,
      `<response><href>/a%20b/LOCK</href></response>`,
    ];
    const inner =
      `<response><href>/a%20b/b/c</href><propstat><prop><getcontentlength>9</getcontentlength></prop></propstat></response>`;
    const spell = (xml: string): string =>
      xml.replace(/<(\/?)(\w)/g, "<$1d:$2").replaceAll("xmlns=", "xmlns:d=");
    for (const write of [(xml: string): string => xml, spell]) {
      script(({ url }) =>
        url.endsWith("/b/")
          ? multistatus(write(inner))
          : multistatus(...[FOLDER, ...members].map(write))
      );
      assert.deepEqual(await Array.fromAsync(store.list("")), [
        { key: "a-1", size: 3 },
        { key: "b/c", size: 9 },
        { key: "b0", size: 7 },
      ]);
    }
  });
});

Deno.test("webdav: what is no URL of a store is refused", async () => {
  for (
    const url of ["webdav:", "webdav://", "webdav://h/x?y", "webdav://h/#z"]
  ) {
    const { code } = await failure(plugin.open(url, { create: false }, {}));
    assert.equal(code, "InvalidConfig", url);
  }
});

Deno.test("webdav: a whole blob that was replaced while it came is read again", async () => {
  await withServer(async (store, script) => {
    const describe = (size: number, etag: string): Response =>
      multistatus(
        `<response><href>/a%20b/x</href><propstat><prop><getetag>${etag}</getetag>
<getcontentlength>${size}</getcontentlength></prop></propstat></response>`,
      );
    let reads = 0;
    script(({ method }) => {
      if (method === "PROPFIND") return describe(4, "&quot;new&quot;");
      reads += 1;
      // The new bytes, cut to the old length; then the old name for all of them.
      const body = new Uint8Array([7, 8, 9, 9]).slice(0, reads === 1 ? 2 : 4);
      const etag = reads === 2 ? '"old"' : '"new"';
      return new Response(body, { headers: { etag } });
    });
    assert.deepEqual(await store.get("x"), new Uint8Array([7, 8, 9, 9]));
    assert.equal(reads, 3);
    script(({ method }) =>
      method === "PROPFIND"
        ? describe(4, '"new"')
        : new Response(new Uint8Array(2), { headers: { etag: '"old"' } })
    );
    assert.deepEqual(
      await failure(store.get("x")),
      { code: "Unavailable", retryable: true },
    );
  });
});
