/** An upper bound for waiting: a hanging test must end with a reason. */

/** Options of {@link within}. */
export interface WithinOptions {
  /** How long to wait, in milliseconds. */
  readonly timeoutMs: number;
  /** What is being waited for: part of the error's text. */
  readonly what: string;
  /** Ends the waiting early, with its own reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The value or error of `promise`, or an error when the time is over first.
 *
 * The promise itself goes on; a later failure of it is nobody's any more.
 */
export async function within<T>(
  promise: Promise<T>,
  options: WithinOptions,
): Promise<T> {
  const { timeoutMs, what, signal } = options;
  signal?.throwIfAborted();
  promise.catch(() => {});
  const limit = Promise.withResolvers<never>();
  function abort(): void {
    limit.reject(signal?.reason);
  }
  signal?.addEventListener("abort", abort);
  const timer = setTimeout(
    () => limit.reject(new Error(`Waited ${timeoutMs} ms for ${what}`)),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, limit.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
