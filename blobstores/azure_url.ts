/**
 * URLs of Azure stores.
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
  scheme: "azure",
  example: "azure://ACCOUNT/CONTAINER/PREFIX?endpoint=https://HOST",
  optionNames: ["endpoint"],
  credentials: "they come from AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or " +
    "AZURE_STORAGE_CONNECTION_STRING",
};

const ACCOUNT = /^[a-z0-9]{3,24}$/;
const CONTAINER = /^[a-z0-9](-?[a-z0-9]){2,62}$/;

/** Where an Azure store is. */
export interface AzurePlace {
  /** The storage account. */
  readonly account: string;
  /** The container. */
  readonly container: string;
  /** What the names of all blobs begin with: empty, or ends with "/". */
  readonly prefix: string;
  /** The account's address, without "/" at its end; Azure's when absent. */
  readonly endpoint?: string;
  /** The URL, written anew from what was understood. */
  readonly display: string;
}

/** Takes a URL apart. Throws `InvalidConfig`. */
export function parseAzureUrl(url: string): AzurePlace {
  const { authority: account, pathParts, options } = parseRemoteUrl(url, FORM);
  const [container, ...prefixParts] = pathParts;
  if (!ACCOUNT.test(account)) {
    throw invalidUrl(
      FORM,
      `${JSON.stringify(account)} is no account's name: 3 to 24 of a-z, 0-9`,
    );
  }
  if (container === undefined || !CONTAINER.test(container)) {
    throw invalidUrl(
      FORM,
      `${JSON.stringify(container ?? "")} is no container's name: 3 to 63 of ` +
        `a-z, 0-9 and single "-"`,
    );
  }
  const endpoint = options.get("endpoint");
  const address = endpoint &&
    parseEndpoint(endpoint, FORM).href.replace(/\/$/, "");
  const path = [account, ...pathParts].join("/");
  return {
    account,
    container,
    prefix: prefixParts.map((part) => `${part}/`).join(""),
    ...(address === undefined ? {} : { endpoint: address }),
    display: `azure://${path}` +
      (endpoint === undefined ? "" : `?endpoint=${endpoint}`),
  };
}
