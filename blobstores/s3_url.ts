/**
 * URLs of S3 stores.
 *
 * @module
 */

import {
  invalidUrl,
  parseEndpoint,
  parseRemoteUrl,
  type RemoteUrlForm,
} from "./remote_url.ts";

const FORM: RemoteUrlForm = {
  scheme: "s3",
  example: "s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION",
  optionNames: ["endpoint", "region", "path-style", "storage-class"],
  credentials: "they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, " +
    "or from a profile (AWS_PROFILE)",
};

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGION = /^[a-z0-9-]{1,40}$/;
const STORAGE_CLASS = /^[A-Z0-9_]{1,40}$/;
/** Objects of these are thawed for hours before they can be read. */
const FROZEN_CLASSES: readonly string[] = ["GLACIER", "DEEP_ARCHIVE"];

/** Where an S3 store is. */
export interface S3Place {
  /** The bucket. */
  readonly bucket: string;
  /** What the names of all objects begin with: empty, or ends with "/". */
  readonly prefix: string;
  /** The service's address; AWS when absent. */
  readonly endpoint?: string;
  /** The region; absent to take the one of the environment. */
  readonly region?: string;
  /** The bucket stands in the path, not in the host's name. */
  readonly pathStyle: boolean;
  /** For all objects; the bucket's own when absent. */
  readonly storageClass?: string;
  /** The URL, written anew from what was understood. */
  readonly display: string;
}

/** Takes a URL apart. Throws `InvalidConfig`. */
export function parseS3Url(url: string): S3Place {
  const { authority: bucket, pathParts, options } = parseRemoteUrl(url, FORM);
  if (!BUCKET.test(bucket)) {
    throw invalidUrl(
      FORM,
      `${JSON.stringify(bucket)} is no bucket's name: 3 to 63 of a-z, 0-9, ` +
        `"-" and "."`,
    );
  }
  const endpoint = options.get("endpoint");
  const address = endpoint && parseEndpoint(endpoint, FORM).href;
  const region = checked(options.get("region"), REGION, "region");
  const storageClass = checked(
    options.get("storage-class"),
    STORAGE_CLASS,
    "storage-class",
  );
  if (storageClass !== undefined && FROZEN_CLASSES.includes(storageClass)) {
    throw invalidUrl(
      FORM,
      `blobs of storage-class=${storageClass} cannot be read at once. Use ` +
        `STANDARD_IA or GLACIER_IR`,
    );
  }
  const query = ["endpoint", "region", "path-style", "storage-class"]
    .filter((name) => options.has(name))
    .map((name) => `${name}=${options.get(name)}`);
  const path = [bucket, ...pathParts].join("/");
  return {
    bucket,
    prefix: pathParts.map((part) => `${part}/`).join(""),
    pathStyle: pathStyleOf(options.get("path-style"), address),
    ...(address === undefined ? {} : { endpoint: address }),
    ...(region === undefined ? {} : { region }),
    ...(storageClass === undefined ? {} : { storageClass }),
    display: `s3://${path}${query.length > 0 ? "?" : ""}${query.join("&")}`,
  };
}

/** Services other than AWS seldom have a host name for every bucket. */
function pathStyleOf(
  text: string | undefined,
  endpoint: string | undefined,
): boolean {
  if (text === undefined) return endpoint !== undefined;
  if (text === "true" || text === "false") return text === "true";
  throw invalidUrl(FORM, "path-style= is true or false");
}

function checked(
  text: string | undefined,
  pattern: RegExp,
  name: string,
): string | undefined {
  if (text === undefined || pattern.test(text)) return text;
  throw invalidUrl(FORM, `its ${name}= has characters that no ${name} has`);
}
