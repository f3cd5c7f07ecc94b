/**
 * S3, and what speaks like it, through the AWS SDK: it signs requests, finds
 * credentials and reads listings; connections are ours (remote_transport.ts).
 *
 * @module
 */

import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type {
  GetOptions,
  ListOptions,
  OperationOptions,
  PutOptions,
} from "./blob_store.ts";
import { RemoteFailure } from "./remote_failure.ts";
import type { RemoteObject, RemoteService } from "./remote_store.ts";
import type { RemoteTransport } from "./remote_transport.ts";
import { HeldBody, s3Failure } from "./s3_client.ts";
import type { S3Place } from "./s3_url.ts";
import { foundOrNull, sdkOptions } from "./sdk_request.ts";

/** What the service works with. */
export interface S3ServiceOptions {
  /** Where the objects are. */
  readonly place: S3Place;
  /** Signs requests; owned. */
  readonly client: S3Client;
  /** Sends them; owned. */
  readonly transport: RemoteTransport;
}

/** Objects of a bucket below a prefix. */
export class S3Service implements RemoteService {
  readonly #place: S3Place;
  readonly #client: S3Client;
  readonly #transport: RemoteTransport;

  /** Takes over client and transport. */
  constructor({ place, client, transport }: S3ServiceOptions) {
    this.#place = place;
    this.#client = client;
    this.#transport = transport;
  }

  async put(
    name: string,
    body: Uint8Array<ArrayBuffer>,
    { ifAbsent, signal }: PutOptions,
  ): Promise<void> {
    const { storageClass } = this.#place;
    const command = new PutObjectCommand({
      ...this.#object(name),
      Body: body,
      ContentLength: body.length,
      ContentType: "application/octet-stream",
      ...(ifAbsent ? { IfNoneMatch: "*" } : {}),
      ...(storageClass === undefined
        ? {}
        : { StorageClass: storageClass as "STANDARD" }),
    });
    await answer(this.#client.send(command, sdkOptions(signal)));
  }

  async get(
    name: string,
    { range, signal }: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const last = range && range.offset + range.length - 1;
    const command = new GetObjectCommand({
      ...this.#object(name),
      ...(range && { Range: `bytes=${range.offset}-${last}` }),
    });
    const { Body } = await answer(
      this.#client.send(command, sdkOptions(signal)),
    );
    if (Body as unknown instanceof HeldBody) {
      return (Body as unknown as HeldBody).bytes;
    }
    throw new RemoteFailure({
      code: "Unknown",
      reason: "the AWS client library gives no body",
    });
  }

  async head(
    name: string,
    { signal }: OperationOptions,
  ): Promise<number | null> {
    const command = new HeadObjectCommand(this.#object(name));
    const found = await foundOrNull(
      answer(this.#client.send(command, sdkOptions(signal))),
    );
    if (found === null) return null;
    if (found.ContentLength !== undefined) return found.ContentLength;
    throw new RemoteFailure({
      code: "Unsupported",
      reason: "the service does not tell the length of an object",
    });
  }

  async delete(name: string, { signal }: OperationOptions): Promise<void> {
    const command = new DeleteObjectCommand(this.#object(name));
    await foundOrNull(answer(this.#client.send(command, sdkOptions(signal))));
  }

  async *list(
    prefix: string,
    { startAfter, signal }: ListOptions,
  ): AsyncGenerator<readonly RemoteObject[], void, undefined> {
    const own = this.#place.prefix;
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.#place.bucket,
        Prefix: own + prefix,
        ...(token !== undefined
          ? { ContinuationToken: token }
          : startAfter
          ? { StartAfter: own + startAfter }
          : {}),
      });
      const page = await answer(this.#client.send(command, sdkOptions(signal)));
      yield (page.Contents ?? []).map(({ Key = "", Size = 0 }) => ({
        name: Key.slice(own.length),
        size: Size,
      }));
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
      if (page.IsTruncated && token === undefined) throw endlessListing();
    } while (token !== undefined);
  }

  close(): void {
    this.#client.destroy();
    this.#transport.close();
  }

  #object(name: string): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.#place;
    return { Bucket: bucket, Key: prefix + name };
  }
}

/** The SDK's answer; its own errors become failures without its objects. */
async function answer<Output>(sent: Promise<Output>): Promise<Output> {
  try {
    return await sent;
  } catch (error) {
    throw s3Failure(error);
  }
}

function endlessListing(): RemoteFailure {
  return new RemoteFailure({
    code: "Unsupported",
    reason: "the service broke off a listing and did not say where to go on",
  });
}
