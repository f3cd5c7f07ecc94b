/**
 * `s3:` stores: `s3://bucket/prefix?endpoint=https://s3.example.org`. See
 * docs/stores.md for the options and for what services do differently.
 *
 * @module
 */

import { CreateBucketCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { BlobStorePlugin } from "./plugin.ts";
import { openBucketStore } from "./remote_open.ts";
import type { RemoteStore } from "./remote_store.ts";
import { makeS3Client, s3Failure } from "./s3_client.ts";
import { S3Service } from "./s3_service.ts";
import { parseS3Url } from "./s3_url.ts";

/** Opens buckets as stores. */
const plugin: BlobStorePlugin = {
  apiVersion: 1,
  schemes: ["s3"],
  async open(url, { create }, { signal }): Promise<RemoteStore> {
    const place = parseS3Url(url);
    const { bucket, prefix, display } = place;
    return await openBucketStore({ display, create, signal }, (transport) => {
      const client = makeS3Client(place, transport);
      const listing = { Bucket: bucket, Prefix: prefix, MaxKeys: 1 };
      return {
        title: `bucket "${bucket}"`,
        service: new S3Service({ place, client, transport }),
        look: (options) =>
          client.send(new ListObjectsV2Command(listing), options),
        make: (options) =>
          client.send(new CreateBucketCommand({ Bucket: bucket }), options),
        failure: s3Failure,
      };
    });
  },
};

export default plugin;
