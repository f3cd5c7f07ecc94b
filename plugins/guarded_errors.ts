/**
 * The errors of a plugin, made into those of the contract: with a code, with
 * the plugin's name, without its secrets.
 *
 * @module
 */

import {
  BLOB_ERROR_CODES,
  BlobError,
  type BlobErrorCode,
} from "../blobstores/blob_store.ts";

/** How deep a chain of causes is kept. */
const CAUSES_MAX = 4;

/** Names a plugin in errors and keeps its secrets out of them. */
export class GuardedErrors {
  /** The plugin's name. */
  readonly name: string;
  readonly #secrets: readonly string[];

  /** `secrets` are texts that no message may show. */
  constructor(name: string, secrets: readonly string[]) {
    this.name = name;
    // The longest first: one may be a part of another.
    this.#secrets = secrets.flatMap(formsOf)
      .sort((left, right) => right.length - left.length);
  }

  /** A text without secrets. */
  redact(text: string): string {
    return this.#secrets.reduce(
      (shown, secret) => shown.replaceAll(secret, "***"),
      text,
    );
  }

  /** The error for a store that does not keep the contract. */
  violation(
    action: string,
    found: string,
    code: BlobErrorCode = "Corrupt",
  ): BlobError {
    return new BlobError(
      this.redact(`Cannot ${action}: the plugin ${this.name} ${found}`),
      { code },
    );
  }

  /** The error for what a plugin threw. */
  thrown(action: string, error: unknown, signal?: AbortSignal): BlobError {
    const code = knownCode(error);
    const { retryable, retryAfterMs } = membersOf(error);
    const found = messageOf(error);
    const message = code === undefined
      ? `Cannot ${action}: the plugin ${this.name} failed: ${found}`
      : `${found} (plugin ${this.name})`;
    const unclassified = signal?.aborted ? "Cancelled" : "Unknown";
    return new BlobError(this.redact(message), {
      code: code ?? unclassified,
      retryable: retryable === true,
      ...(Number.isFinite(retryAfterMs) && (retryAfterMs as number) >= 0
        ? { retryAfterMs: retryAfterMs as number }
        : {}),
      cause: this.#cause(error, CAUSES_MAX),
    });
  }

  /** A copy of an error that shows no secret: a plugin's own may hold any object. */
  #cause(error: unknown, depth: number): Error | undefined {
    if (error === undefined || depth === 0) return undefined;
    const copy = new Error(this.redact(messageOf(error)));
    if (error instanceof Error) {
      copy.name = this.redact(String(error.name));
      copy.stack = this.redact(String(error.stack));
      const cause = this.#cause(error.cause, depth - 1);
      if (cause !== undefined) copy.cause = cause;
    }
    return copy;
  }
}

function knownCode(error: unknown): BlobErrorCode | undefined {
  const { code } = membersOf(error);
  return BLOB_ERROR_CODES.find((known) => known === code);
}

function membersOf(error: unknown): Record<string, unknown> {
  return typeof error === "object" && error !== null
    ? error as Record<string, unknown>
    : {};
}

function messageOf(error: unknown): string {
  return error instanceof Error ? String(error.message) : String(error);
}

/** How a secret may stand in a message: as it is, in a URL, in JSON, as credentials. */
function formsOf(secret: string): string[] {
  return [
    ...new Set([
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
    ]),
  ];
}
