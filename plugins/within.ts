/**
 * Waiting that ends.
 *
 * @module
 */

/**
 * What `promise` comes to, or a rejection with `late()` if that takes longer
 * than `timeoutMs`. A promise that is late is left alone; it may still settle.
 */
export async function within<Value>(
  timeoutMs: number,
  promise: Promise<Value>,
  late: () => Error,
): Promise<Value> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), timeoutMs);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
