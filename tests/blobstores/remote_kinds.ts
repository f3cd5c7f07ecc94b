/** Remote stores over a scripted server, and a secret that must not show. */

import assert from "node:assert/strict";
import azurePlugin from "../../blobstores/azure_plugin.ts";
import { BlobError, type BlobStore } from "../../blobstores/blob_store.ts";
import httpPlugin from "../../blobstores/http_plugin.ts";
import s3Plugin from "../../blobstores/s3_plugin.ts";
import { type Script, ScriptedServer } from "../services/scripted_server.ts";

/** Must never be seen; base64, as Azure's keys are. */
export const SECRET: string = btoa("planted-secret-0123456789abcdef");

const ENVIRONMENT: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: "SHELFACCESSKEY000001",
  AWS_SECRET_ACCESS_KEY: SECRET,
  AZURE_STORAGE_SAS_TOKEN: `?sv=2026-10-06&sp=rwl&sig=${SECRET}`,
};

/** A kind of store, and the least that its service must say. */
export interface Kind {
  /** Its scheme. */
  readonly name: string;
  /** Opens it at a server. */
  readonly open: (address: string) => Promise<BlobStore>;
  /** How its service says that there is nothing. */
  readonly emptyListing: string;
  /** It has `put`. */
  readonly canWrite: boolean;
}

export const KINDS: readonly Kind[] = [
  {
    name: "s3",
    open: (address) =>
      s3Plugin.open(`s3://shelf?endpoint=${address}`, { create: true }, {}),
    emptyListing: "<ListBucketResult><IsTruncated>false</IsTruncated>" +
      "</ListBucketResult>",
    canWrite: true,
  },
  {
    name: "azure",
    open: (address) =>
      azurePlugin.open(
        `azure://account/shelf?endpoint=${address}/account`,
        { create: true },
        {},
      ),
    emptyListing: "<EnumerationResults><Blobs/><NextMarker/>" +
      "</EnumerationResults>",
    canWrite: true,
  },
  {
    name: "http",
    open: (address) =>
      httpPlugin.open(`${address}/shelf`, { create: false }, {}),
    emptyListing: "[]",
    canWrite: false,
  },
];

/** A service that is well: nothing in it, and all puts are told apart. */
export function healthy(kind: Kind): Script {
  const names = new Set<string>();
  return ({ method, target, headers }) => {
    const path = target.split("?")[0]!;
    if (method === "PUT") {
      const isTaken = headers.get("if-none-match") === "*" && names.has(path);
      names.add(path);
      return { status: isTaken ? 412 : 201, headers: { etag: '"1"' } };
    }
    const isListing = target.includes("list") || path.endsWith("shelf/");
    if (method === "GET" && isListing) {
      const type = kind.name === "http"
        ? "application/json"
        : "application/xml";
      return {
        status: 200,
        headers: { "content-type": type },
        body: kind.emptyListing,
      };
    }
    return { status: 404 };
  };
}

/** A store over a server that was well until now. */
export async function withStore(
  kind: Kind,
  body: (store: BlobStore, server: ScriptedServer) => Promise<void>,
): Promise<void> {
  for (const [name, value] of Object.entries(ENVIRONMENT)) {
    Deno.env.set(name, value);
  }
  try {
    await using server = new ScriptedServer(healthy(kind));
    const store = await kind.open(server.address);
    try {
      await body(store, server);
    } finally {
      await store.close();
    }
  } finally {
    for (const name of Object.keys(ENVIRONMENT)) Deno.env.delete(name);
  }
}

/** What an operation failed with. Fails if the error shows a secret. */
export async function failureOf(
  operation: Promise<unknown>,
): Promise<BlobError> {
  const error = await operation.then(
    () => assert.fail("the operation succeeded"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof BlobError, `no BlobError: ${error}`);
  const shown = Deno.inspect(error, { depth: 20, showHidden: true });
  assert.ok(!shown.includes(SECRET), `the secret is shown: ${shown}`);
  assert.ok(!shown.includes(encodeURIComponent(SECRET)), shown);
  assert.ok(!/Signature=|sig=/.test(shown), `a signature is shown: ${shown}`);
  return error;
}

/** Errors of services repeat what they were sent. */
export const TELLTALE: string =
  `<Error><Code>Telltale</Code><Message>${SECRET}</Message>` +
  `<StringToSign>${SECRET}</StringToSign></Error>`;
