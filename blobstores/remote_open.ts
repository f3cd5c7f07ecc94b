/**
 * Opens remote stores: the connections, the bucket that blobs lie in, the
 * question whether the service decides create-if-absent. A plugin says no more
 * than what its service is asked.
 *
 * @module
 */

import { BlobError, type OperationOptions } from "./blob_store.ts";
import { remoteError, type RemoteFailure } from "./remote_failure.ts";
import { probeCreateIfAbsent, type ProbeResult } from "./remote_probe.ts";
import { type RemoteService, RemoteStore } from "./remote_store.ts";
import { RemoteTransport } from "./remote_transport.ts";
import { type SdkOptions, sdkOptions } from "./sdk_request.ts";

/** So many ranged reads at once fill the latency of a distant service. */
const CONCURRENCY_MAX = 64;

/** A store to open. */
export interface RemoteOpening {
  /** The URL without secrets. */
  readonly display: string;
  /** Given up when aborted. */
  readonly signal: AbortSignal | undefined;
}

/** A service, and whether it decides create-if-absent. */
export interface OpenedService {
  /** Owned by the store. */
  readonly service: RemoteService;
  /** Whether it decides. */
  readonly createIfAbsent: ProbeResult;
}

/**
 * Opens a store over the service that `open` makes, over a transport that the
 * service takes over. Rejects with a `BlobError`; connections are closed then.
 */
export async function openRemoteStore(
  { display, signal }: RemoteOpening,
  open: (
    transport: RemoteTransport,
    options: OperationOptions,
  ) => Promise<OpenedService>,
): Promise<RemoteStore> {
  const transport = new RemoteTransport(CONCURRENCY_MAX);
  try {
    const options = signal === undefined ? {} : { signal };
    const { service, createIfAbsent } = await open(transport, options);
    return new RemoteStore({
      display,
      capabilities: {
        ...createIfAbsent,
        hold: false,
        concurrencyMax: CONCURRENCY_MAX,
      },
      service,
    });
  } catch (error) {
    transport.close();
    throw remoteError(error, { action: `open ${display}`, signal });
  }
}

/** A bucket of a service with an SDK. What the SDK rejects with is translated by `failure`. */
export interface RemoteBucket {
  /** What it is called there: `bucket "shelf"`. */
  readonly title: string;
  /** Its objects below the store's prefix; owned. */
  readonly service: RemoteService;
  /** Asks for something of it; a failure of status 404 where it is not there. */
  look(options: SdkOptions): Promise<unknown>;
  /** Makes it; a failure of status 409 where it is there. */
  make(options: SdkOptions): Promise<unknown>;
  /** What the SDK rejected with, as a failure. */
  failure(error: unknown): RemoteFailure;
}

/** A bucket's store to open. */
export interface BucketOpening extends RemoteOpening {
  /** Make the bucket if it is not there. */
  readonly create: boolean;
}

/** Opens a store in the bucket that `connect` gives, as `openRemoteStore` does. */
export async function openBucketStore(
  opening: BucketOpening,
  connect: (transport: RemoteTransport) => RemoteBucket,
): Promise<RemoteStore> {
  return await openRemoteStore(opening, async (transport, options) => {
    const bucket = connect(transport);
    const { service } = bucket;
    await enterBucket(bucket, opening);
    const createIfAbsent = await probeCreateIfAbsent(service, options);
    return { service, createIfAbsent };
  });
}

/** Sees that the bucket is there, makes it if that is asked for. */
async function enterBucket(
  bucket: RemoteBucket,
  { display, create, signal }: BucketOpening,
): Promise<void> {
  const options = sdkOptions(signal);
  try {
    await bucket.look(options);
    return;
  } catch (error) {
    const failure = bucket.failure(error);
    if (failure.status !== 404) throw failure;
  }
  if (!create) {
    throw new BlobError(
      `Cannot open ${display}: there is no ${bucket.title}. Check the ` +
        `name for a typing error, or ask for a new store with --create`,
      { code: "NotFound" },
    );
  }
  try {
    await bucket.make(options);
  } catch (error) {
    const failure = bucket.failure(error);
    // Another server may have made it meanwhile; if not, the probe tells.
    if (failure.status !== 409) throw failure;
  }
}
