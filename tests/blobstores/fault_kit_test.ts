/** The kit's checks of faults: sound stores pass, each planted fault is named. */

import assert from "node:assert/strict";
import type {
  BlobError,
  BlobErrorCode,
  BlobStore,
  PutOptions,
} from "../../blobstores/blob_store.ts";
import {
  ConformanceError,
  testBlobStoreFaults,
} from "../../blobstores/conformance.ts";
import {
  faultChecks,
  runFaultCheck,
} from "../../blobstores/conformance/failing.ts";
import { PlainHttpStore, PlainService } from "./plain_http_store.ts";

class ForgetsTheTime extends PlainHttpStore {
  protected override failure(
    code: BlobErrorCode,
    retryable: boolean,
  ): BlobError {
    return super.failure(code, retryable);
  }
}

class CallsItUnknown extends PlainHttpStore {
  protected override refusal(response: Response): BlobError {
    return response.status >= 429
      ? this.failure("Unknown", true)
      : super.refusal(response);
  }
}

class GivesUpForGood extends PlainHttpStore {
  protected override failure(
    code: BlobErrorCode,
    _retryable: boolean,
    retryAfterMs?: number,
  ): BlobError {
    return super.failure(code, false, retryAfterMs);
  }
}

class TakesHalves extends PlainHttpStore {
  protected override async body(
    response: Response,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const parts: number[] = [];
    try {
      for await (const chunk of response.body ?? []) parts.push(...chunk);
    } catch {
      // Better than nothing.
    }
    return Uint8Array.from(parts);
  }
}

class HopesForTheBest extends PlainHttpStore {
  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    await super.put(key, body, options).catch((error: BlobError) => {
      if (error.code !== "Unavailable") throw error;
    });
  }
}

/** Asks again itself, and takes the blob that it has made for another's. */
class RepeatsBlindly extends PlainHttpStore {
  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    const put = (): Promise<void> => super.put(key, body, options);
    await put().catch(put);
  }
}

/** For every fault the stores that it must find out, and what is said of them. */
const PLANTED: Record<
  string,
  readonly [new (host: string) => BlobStore, RegExp][]
> = {
  "429 with a time is RateLimited, for that time": [
    [ForgetsTheTime, /a get forgets how long to wait.*7000/],
    [CallsItUnknown, /a get should fail with RateLimited.*Unknown/],
  ],
  "503 passes": [[CallsItUnknown, /a get should fail with Unavailable/]],
  "a connection that is reset passes": [
    [GivesUpForGood, /a get fails for good: not retryable/],
    [HopesForTheBest, /a put succeeded all the same/],
  ],
  "an answer that breaks off is no answer": [
    [TakesHalves, /a get of a blob that breaks off succeeded/],
  ],
  "a put whose answer is lost is not known": [
    [HopesForTheBest, /a put whose answer is lost succeeded/],
    [RepeatsBlindly, /should fail with Unavailable.*failed with AlreadyExists/],
  ],
};

let service: PlainService | undefined;

Deno.test.beforeAll(() => {
  service = new PlainService();
});
Deno.test.afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

testBlobStoreFaults("a plain store", () => ({
  upstream: service!.host,
  open: (host) => Promise.resolve(new PlainHttpStore(host)),
}));

for (const check of faultChecks) {
  Deno.test(`a planted fault fails: ${check.name}`, async () => {
    const planted = PLANTED[check.name] ?? [];
    assert.notEqual(planted.length, 0, "no fault is planted for this check");
    for (const [index, [Store, message]] of planted.entries()) {
      const place = {
        upstream: service!.host,
        open: (host: string) => Promise.resolve(new Store(host)),
      };
      await assert.rejects(
        runFaultCheck(check, place, `planted/${check.name.length}/${index}/`),
        (error) => {
          assert.ok(
            error instanceof ConformanceError,
            `${Store.name}: ${error}`,
          );
          assert.match(error.message, message);
          return true;
        },
        `${Store.name} passes`,
      );
    }
  });
}
