/**
 * URLs of remote stores: `s3://bucket/prefix?region=…`. Taken apart strictly,
 * because a slip must not become another place, and without ever quoting what
 * may be a secret: no message shows the value of an option.
 *
 * @module
 */

import { BlobError } from "./blob_store.ts";

const PREFIX_PART = /^[A-Za-z0-9._~-]+$/;
/** What people put where it does not belong. */
const SECRET_OPTION = /key|secret|token|sig|pass|cred|auth/i;

/** How a URL of a scheme is written. */
export interface RemoteUrlForm {
  /** The scheme, without ":". */
  readonly scheme: string;
  /** An example for messages. */
  readonly example: string;
  /** Names of options that may stand behind "?". */
  readonly optionNames: readonly string[];
  /** Where credentials come from: ends a sentence. */
  readonly credentials: string;
}

/** A URL, taken apart. */
export interface RemoteUrl {
  /** What stands behind "//": a bucket, an account. */
  readonly authority: string;
  /** The path's parts. */
  readonly pathParts: readonly string[];
  /** Options by name. */
  readonly options: ReadonlyMap<string, string>;
}

/** Takes a URL apart. Throws `InvalidConfig`, saying how it is written. */
export function parseRemoteUrl(url: string, form: RemoteUrlForm): RemoteUrl {
  const match = /^[^:]*:\/\/([^/?#]*)([^?#]*)(\?[^#]*)?$/.exec(url);
  if (match === null) throw invalidUrl(form, "it has another form, or a #");
  const [, authority = "", path = "", query = ""] = match;
  if (authority.includes("@")) {
    throw invalidUrl(
      form,
      `credentials do not belong in it: ${form.credentials}`,
    );
  }
  if (authority === "") throw invalidUrl(form, "nothing stands behind //");
  const pathParts = path.split("/").filter((part) => part !== "");
  for (const part of pathParts) {
    if (PREFIX_PART.test(part) && part !== "." && part !== "..") continue;
    throw invalidUrl(
      form,
      `${JSON.stringify(part)} in its path has a character other than ` +
        `A-Z, a-z, 0-9, ".", "_", "~" and "-", or is "." or ".."`,
    );
  }
  return { authority, pathParts, options: parseOptions(query, form) };
}

/** A web address among the options. Throws `InvalidConfig` for another text. */
export function parseEndpoint(text: string, form: RemoteUrlForm): URL {
  let endpoint: URL;
  try {
    endpoint = new URL(text);
  } catch {
    throw invalidUrl(form, "its endpoint is no URL");
  }
  const { protocol, username, password, search, hash } = endpoint;
  if (protocol !== "http:" && protocol !== "https:") {
    throw invalidUrl(
      form,
      "its endpoint does not begin with https:// or http://",
    );
  }
  if (username !== "" || password !== "" || search !== "" || hash !== "") {
    throw invalidUrl(
      form,
      `its endpoint has more than a host, a port and a path; credentials do ` +
        `not belong in it: ${form.credentials}`,
    );
  }
  return endpoint;
}

/** The error for a URL; shows none of it. */
export function invalidUrl(form: RemoteUrlForm, fault: string): BlobError {
  return new BlobError(
    `Cannot use the ${form.scheme}: URL: ${fault}. It is written ` +
      form.example,
    { code: "InvalidConfig" },
  );
}

function parseOptions(
  query: string,
  form: RemoteUrlForm,
): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!form.optionNames.includes(name)) throw unknownOption(name, form);
    if (options.has(name)) throw invalidUrl(form, `it has ${name}= twice`);
    if (value === "") throw invalidUrl(form, `${name}= is empty`);
    options.set(name, value);
  }
  return options;
}

function unknownOption(name: string, form: RemoteUrlForm): BlobError {
  if (SECRET_OPTION.test(name)) {
    return invalidUrl(
      form,
      `credentials do not belong in it: ${form.credentials}`,
    );
  }
  const shown = /^[a-z-]{1,40}$/.test(name)
    ? `no option ${name}=`
    : "no such option";
  return invalidUrl(
    form,
    `there is ${shown}; there are ${form.optionNames.join(", ")}`,
  );
}
