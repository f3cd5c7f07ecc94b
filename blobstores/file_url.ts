/**
 * URLs of file stores: `file:./archive`, `file:/abs/path`, `file:///abs/path`.
 * Relative paths, which RFC 8089 does not have, are what people type.
 *
 * @module
 */

import { BlobError } from "./blob_store.ts";
import { shownUrl } from "./shown_url.ts";

/** Characters that a path in a URL cannot have as they are. */
const UNSAFE = /[%?#\s\p{Cc}]/gu;

/**
 * The folder that a `file:` URL names: an absolute path without `.`, `..` and
 * doubled or ending `/`. `cwd` answers the folder that relative paths start
 * from, and is asked for those alone. Throws `InvalidConfig`.
 */
export function parseFileUrl(url: string, cwd: () => string): string {
  const match = /^file:(?:\/\/(?<host>[^/]*))?(?<path>.*)$/is.exec(url);
  if (match === null) throw invalid(url, "it does not begin with `file:`");
  const host = match.groups?.host ?? "";
  const written = match.groups?.path ?? "";
  if (host !== "" && host.toLowerCase() !== "localhost") {
    throw invalid(
      url,
      `"${shownUrl(host)}" would be another computer. For an absolute path ` +
        `write three slashes, for a relative one none: file:${
          shownUrl(host + written)
        }`,
    );
  }
  if (written === "") throw invalid(url, "it has no path. Try file:./archive");
  const mark = /[?#]/.exec(written)?.[0];
  if (mark !== undefined) {
    throw invalid(
      url,
      `"${mark}" has a meaning in URLs. Write %${hexadecimal(mark)} for it`,
    );
  }
  if (written.startsWith("~")) {
    throw invalid(
      url,
      `"~" is for the shell, which does not see it here. Write file:$HOME/…`,
    );
  }
  const path = decode(url, written);
  return normalize(path.startsWith("/") ? path : `${cwd()}/${path}`);
}

/** The `file:` URL of an absolute path, to show and to type. */
export function displayFileUrl(path: string): string {
  return `file:${path.replace(UNSAFE, encodeURIComponent)}`;
}

function decode(url: string, written: string): string {
  let path: string;
  try {
    path = decodeURIComponent(written);
  } catch {
    throw invalid(url, `a "%" in it is not followed by two digits. Write %25`);
  }
  if (path.includes("\0")) throw invalid(url, "a path cannot have a NUL");
  return path;
}

function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function hexadecimal(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase();
}

function invalid(url: string, reason: string): BlobError {
  return new BlobError(
    `Cannot use ${JSON.stringify(shownUrl(url))}: ${reason}`,
    {
      code: "InvalidConfig",
    },
  );
}
