import assert from "node:assert/strict";
import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { displayFileUrl, parseFileUrl } from "../../blobstores/file_url.ts";

const CWD = "/home/me";

const URLS: [string, string][] = [
  ["file:./archive", "/home/me/archive"],
  ["file:archive", "/home/me/archive"],
  ["file:../archive/", "/home/archive"],
  ["file:.", "/home/me"],
  ["file:/srv/archive", "/srv/archive"],
  ["file:/srv//a/./b/../c/", "/srv/a/c"],
  ["file:///srv/archive", "/srv/archive"],
  ["file://localhost/srv/archive", "/srv/archive"],
  ["FILE:/srv/A", "/srv/A"],
  ["file:/srv/my%20disk%25%3F", "/srv/my disk%?"],
  ["file:/srv/my disk", "/srv/my disk"],
  ["file:/srv/d%C3%A4ta", "/srv/däta"],
  ["file:/", "/"],
  ["file:/../..", "/"],
];

for (const [url, path] of URLS) {
  Deno.test(`${url} is ${path}`, () => {
    assert.equal(parseFileUrl(url, () => CWD), path);
    assert.equal(parseFileUrl(displayFileUrl(path), () => CWD), path);
  });
}

const REFUSED: [string, RegExp][] = [
  ["file:", /file:\.\/archive/],
  ["file://", /no path/],
  ["file://srv/archive", /three slashes.*file:srv\/archive/],
  ["file:./what?", /%3F/],
  ["file:./c#", /%23/],
  ["file:./100%", /%25/],
  ["file:~/archive", /\$HOME/],
  ["file:./a%00b", /NUL/],
  ["s3://bucket", /does not begin/],
];

for (const [url, pattern] of REFUSED) {
  Deno.test(`${url} is refused with the way out`, () => {
    assert.throws(() => parseFileUrl(url, () => CWD), (error) => {
      assert.equal(blobErrorCode(error), "InvalidConfig");
      assert.match(String(error), pattern);
      return true;
    });
  });
}

Deno.test("an absolute path does not ask for the current folder", () => {
  parseFileUrl("file:/srv", () => assert.fail());
});
