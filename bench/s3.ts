/**
 * An archive in S3, beside a folder and beside the SDK alone: Ceph's gateway on
 * loopback, which shares this machine's processors with everything measured.
 *
 * @module
 */

import {
  CreateBucketCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { run } from "../setup/run.ts";
import { type CephGateway, startCeph } from "../tests/services/ceph.ts";
import { GatewayProxy } from "../tests/services/gateway_proxy.ts";
import type { ColdResult } from "./cold.ts";
import { TARGET } from "./contenders.ts";
import { LoadClient } from "./load_client.ts";
import { Network } from "./network.ts";
import { randomWords } from "./random_words.ts";
import { ServerProcess } from "./server_process.ts";

const MEBIBYTE: number = 1024 * 1024;
const OBJECT_BYTES: number = 16 * MEBIBYTE;
/** Uploaded by both; the storage daemon keeps it in memory. */
const UPLOAD_BYTES: number = 512 * MEBIBYTE;
/** Puts at once: as many packs as a writer has on the way. */
const CONCURRENCY = 3;
const BUCKET = "bench";
/** Less than makes any server slow its replies down. */
const EASY_BYTES: number = 192 * MEBIBYTE;
const LOAD_MS_MAX = 60_000;
/** How often each has its turn. */
const ROUNDS = 3;

/** Measures in `folder`. */
export async function measureS3(folder: string): Promise<ColdResult[]> {
  await using ceph = await startCeph();
  const image = `${folder}/image`;
  await writeImage(image);
  const uploads: number[] = [];
  const alone: number[] = [];
  const fars: number[] = [];
  const nears: number[] = [];
  await using s3 = new SdkAlone(ceph);
  await s3.makeBucket();
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await s3.upload(image, round));
    uploads.push(await importImage(ceph, image, round));
    nears.push(await acknowledged(folder, round, undefined));
    fars.push(await acknowledged(folder, round, ceph));
  }
  return [
    {
      name: "an image taken in, beside the SDK alone with objects of 16 MiB",
      reached: Math.round(median(uploads)),
      possible: Math.round(median(alone)),
      unit: "MiB/s",
      aim: 0.8,
    },
    {
      name: "acknowledged writes of 8 KiB, s3: behind, beside a folder",
      reached: median(fars),
      possible: Math.round(median(nears)),
      unit: "writes/s",
      aim: 0.9,
    },
  ];
}

/** The SDK, told to do nothing but put objects. */
class SdkAlone implements AsyncDisposable {
  readonly #client: S3Client;

  constructor({ endpoint, accessKeyId, secretAccessKey }: CephGateway) {
    this.#client = new S3Client({
      endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
  }

  async makeBucket(): Promise<void> {
    await this.#client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  }

  /** MiB a second. */
  async upload(image: string, round: number): Promise<number> {
    const bytes = await Deno.readFile(image);
    const begin = performance.now();
    let next = 0;
    const put = async (): Promise<void> => {
      while (next < bytes.length) {
        const start = next;
        next += OBJECT_BYTES;
        const Body = bytes.subarray(start, start + OBJECT_BYTES);
        const Key = `alone/${round}/${start}`;
        await this.#client.send(
          new PutObjectCommand({ Bucket: BUCKET, Key, Body }),
        );
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, put));
    return rate(bytes.length, begin);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }
}

/** Takes an image into a new archive by the command; MiB a second, with its start. */
async function importImage(
  ceph: CephGateway,
  image: string,
  round: number,
): Promise<number> {
  const store = `s3://${BUCKET}/import${round}?endpoint=${ceph.endpoint}`;
  const main = new URL("../main.ts", import.meta.url).pathname;
  const begin = performance.now();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", main, "import", image, "disk", "--create"],
      ...["--store", store, "--state", `${image}.state${round}`, "--json"],
    ],
    env: environmentOf(ceph),
    stdout: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return rate(UPLOAD_BYTES, begin);
}

/** Writes a second that a new server acknowledges, with S3 behind it or a folder. */
async function acknowledged(
  folder: string,
  round: number,
  ceph: CephGateway | undefined,
): Promise<number> {
  await run("sync", []);
  await using network = await Network.create(9000);
  await using load = new LoadClient(network);
  await using proxy = ceph && new GatewayProxy({
    endpoint: ceph.endpoint,
    namespace: network.name,
  });
  const store = proxy === undefined
    ? `file:${folder}/near${round}`
    : `s3://${BUCKET}/far${round}?endpoint=${proxy.endpoint}`;
  const server = await ServerProcess.start(network, [
    ...["--create", "--store", store, "--max-lag", "10"],
    ...["--state", `${folder}/state-${ceph ? "far" : "near"}${round}`],
    ...["--target", `${TARGET.shelf}.${TARGET.slot}=disk:1GiB`],
  ], ceph && environmentOf(ceph));
  const { requests, elapsedMs } = await load.run({
    target: TARGET,
    load: {
      kind: "write",
      order: "sequential",
      content: "random",
      sectorsPerRequest: 16,
      outstanding: 32,
      regionSectors: UPLOAD_BYTES / 512,
      requestsMax: EASY_BYTES / 8192,
      durationMs: LOAD_MS_MAX,
    },
  });
  await server.end("SIGTERM");
  return requests / elapsedMs * 1000;
}

function environmentOf(ceph: CephGateway): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: ceph.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey,
  };
}

async function writeImage(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const fill = randomWords(1);
  const piece = new Uint8Array(MEBIBYTE);
  for (let at = 0; at < UPLOAD_BYTES; at += piece.length) {
    fill(piece);
    await file.write(piece);
  }
}

function rate(byteCount: number, beginMs: number): number {
  return byteCount / MEBIBYTE / (performance.now() - beginMs) * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
