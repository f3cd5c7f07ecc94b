import assert from "node:assert/strict";
import { shownUrl } from "../../blobstores/shown_url.ts";

const SHOWN: Readonly<Record<string, string>> = {
  "s3://bucket/x?endpoint=http://h:9000&region=eu":
    "s3://bucket/x?endpoint=http://h:9000&region=eu",
  "webdav://shelf:hush@host/x": "webdav://***@host/x",
  "//shelf:hush@host": "//***@host",
  "shelf:hush@host/x": "***@host/x",
  "azure://a/c?sv=1&sig=hush&region=eu": "azure://a/c?sv=…&sig=…&region=eu",
  "s3://b?endpoint=http://u:hush@h?sig=hush":
    "s3://b?endpoint=http://***@h?sig=…",
  "https://h/x?hush": "https://h/x?…",
  "https://h/x#hush": "https://h/x#…",
  "file:./archive": "file:./archive",
};

for (const [url, shown] of Object.entries(SHOWN)) {
  Deno.test(`of ${url} a message shows ${shown}`, () => {
    assert.equal(shownUrl(url), shown);
  });
}
