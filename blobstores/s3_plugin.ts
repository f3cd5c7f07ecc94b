/**
 * `s3:` stores: `s3://bucket/prefix?endpoint=https://s3.example.org`. See
 * docs/stores.md for the options and for what services do differently.
 *
 * @module
 */

import {
  CreateBucketCommand,
  ListObjectsV2Command,
  type S3Client,
} from "@aws-sdk/client-s3";
import { BlobError } from "./blob_store.ts";
import type { BlobStorePlugin } from "./plugin.ts";
import { remoteError } from "./remote_failure.ts";
import { probeCreateIfAbsent } from "./remote_probe.ts";
import { RemoteStore } from "./remote_store.ts";
import { RemoteTransport } from "./remote_transport.ts";
import { makeS3Client, s3Failure } from "./s3_client.ts";
import { S3Service } from "./s3_service.ts";
import { parseS3Url, type S3Place } from "./s3_url.ts";

/** So many ranged reads at once fill the latency of a distant service. */
const CONCURRENCY_MAX = 64;

/** Opens buckets as stores. */
const plugin: BlobStorePlugin = {
  apiVersion: 1,
  schemes: ["s3"],
  async open(url, { create }, { signal }): Promise<RemoteStore> {
    const place = parseS3Url(url);
    const transport = new RemoteTransport(CONCURRENCY_MAX);
    try {
      const client = makeS3Client(place, transport);
      const service = new S3Service({ place, client, transport });
      await enterBucket(client, place, { create, signal });
      const probe = await probeCreateIfAbsent(
        service,
        signal === undefined ? {} : { signal },
      );
      return new RemoteStore({
        display: place.display,
        capabilities: {
          ...probe,
          hold: false,
          concurrencyMax: CONCURRENCY_MAX,
        },
        service,
      });
    } catch (error) {
      transport.close();
      throw remoteError(error, { action: `open ${place.display}`, signal });
    }
  },
};

export default plugin;

interface EnterOptions {
  readonly create: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Sees that the bucket is there, makes it if that is asked for. */
async function enterBucket(
  client: S3Client,
  { bucket, prefix, display }: S3Place,
  { create, signal }: EnterOptions,
): Promise<void> {
  const options = signal === undefined ? {} : { abortSignal: signal };
  try {
    const listing = { Bucket: bucket, Prefix: prefix, MaxKeys: 1 };
    await client.send(new ListObjectsV2Command(listing), options);
    return;
  } catch (error) {
    const failure = s3Failure(error);
    if (failure.status !== 404) throw failure;
  }
  if (!create) {
    throw new BlobError(
      `Cannot open ${display}: there is no bucket "${bucket}". Check the ` +
        `name for a typing error, or ask for a new store with --create`,
      { code: "NotFound" },
    );
  }
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }), options);
  } catch (error) {
    const failure = s3Failure(error);
    // Another server may have made it meanwhile; if not, the probe tells.
    if (failure.status !== 409) throw failure;
  }
}
