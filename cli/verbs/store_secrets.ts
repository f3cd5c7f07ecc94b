/**
 * What must never be shown of a store that an operator chose: known here only to
 * find out whether anything shows it.
 *
 * @module
 */

import type { StoreChoice } from "../archive/store_opening.ts";

/** Names of values that are secrets. */
const SECRET_NAME = /secret|token|pass|cred|sig|key|connection/i;
/** Names that look so and are none. */
const PUBLIC_NAME = /^AWS_ACCESS_KEY_ID$/;
/** Variables that the libraries of services read. */
const SERVICE_VARIABLE = /^(AWS|AZURE)_/;
/** Anything shorter is found everywhere. */
const LENGTH_MIN = 4;

/** Secrets of the environment, the plugins' options and the URL. */
export function secretsOf(
  { store, plugins = [] }: StoreChoice,
  environment: Readonly<Record<string, string>> = permittedEnvironment(),
): string[] {
  const variables = Object.entries(environment).filter(([name]) =>
    SERVICE_VARIABLE.test(name)
  );
  const settings = plugins.flatMap(({ settings = {} }) =>
    Object.entries(settings).map(([name, value]) => [name, String(value)])
  );
  const named = [...variables, ...settings].filter(([name = ""]) =>
    SECRET_NAME.test(name) && !PUBLIC_NAME.test(name)
  ).map(([, value = ""]) => value);
  const parts = named.flatMap((value) => [
    value,
    // A connection string, a shared access signature: parts are as secret.
    ...[...value.matchAll(/(?:AccountKey|sig)=([^;&]+)/g)].map((it) => it[1]!),
  ]);
  return [...new Set([...parts, ...urlSecrets(store)])]
    .filter(({ length }) => length >= LENGTH_MIN);
}

function urlSecrets(text: string): string[] {
  const url = URL.parse(text);
  if (url === null) return [];
  const values = [...url.searchParams].filter(([name]) =>
    SECRET_NAME.test(name)
  ).map(([, value]) => value);
  return [decodeURIComponent(url.password), ...values];
}

function permittedEnvironment(): Record<string, string> {
  const { state } = Deno.permissions.querySync({ name: "env" });
  return state === "granted" ? Deno.env.toObject() : {};
}
