/**
 * What requests through the AWS SDK and through the Azure SDK have in common.
 *
 * @module
 */

import type { RemoteFailure } from "./remote_failure.ts";

/** How both take a signal. */
export interface SdkOptions {
  /** Gives the request up. */
  readonly abortSignal?: AbortSignal;
}

/** Options of a request that `signal` gives up. */
export function sdkOptions(signal: AbortSignal | undefined): SdkOptions {
  return signal === undefined ? {} : { abortSignal: signal };
}

/** What was found; null where the request failed since there is nothing. */
export async function foundOrNull<Found>(
  request: Promise<Found>,
): Promise<Found | null> {
  try {
    return await request;
  } catch (error) {
    if ((error as RemoteFailure).code === "NotFound") return null;
    throw error;
  }
}
