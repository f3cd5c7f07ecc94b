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
import { openLayeredStore } from "../cli/archive/store_opening.ts";
import { run } from "../setup/run.ts";
import { type CephGateway, startCeph } from "../setup/services/ceph.ts";
import type { ColdResult } from "./cold.ts";
import { TARGET } from "./contenders.ts";
import { LoadClient } from "./load_client.ts";
import { Network } from "./network.ts";
import { randomWords } from "./random_words.ts";
import { listenWithin } from "../setup/services/namespace.ts";
import { Relay } from "./relay.ts";
import { ServerProcess } from "./server_process.ts";

const MEBIBYTE: number = 1024 * 1024;
const OBJECT_BYTES: number = 16 * MEBIBYTE;
/** Uploaded by each, in each round; Ceph keeps all of it in memory. */
const UPLOAD_BYTES: number = 256 * MEBIBYTE;
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
  using sdk = new SdkAlone(ceph);
  await sdk.makeBucket();
  const image = `${folder}/image`;
  const speeds: Record<keyof typeof turns, number[]> = {
    alone: [],
    packs: [],
    imports: [],
    near: [],
    far: [],
  };
  const turns = {
    alone: (round: number) =>
      upload(
        image,
        (offset, Body) => sdk.put(`alone/${round}/${offset}`, Body),
      ),
    packs: (round: number) => putPacks(ceph, image, round),
    imports: (round: number) => importImage(ceph, image, round),
    near: (round: number) => acknowledged(folder, round, undefined),
    far: (round: number) => acknowledged(folder, round, ceph),
  };
  for (let round = 0; round < ROUNDS; round++) {
    await writeImage(image, round);
    for (const name of Object.keys(turns) as (keyof typeof turns)[]) {
      speeds[name].push(await turns[name](round));
    }
    console.error(`s3 round ${round}`, JSON.stringify(speeds));
  }
  const alone = Math.round(median(speeds.alone));
  return [
    {
      name: "s3: packs of 16 MiB put, beside the SDK alone",
      reached: median(speeds.packs),
      possible: alone,
      unit: "MiB/s",
      aim: 0.8,
    },
    {
      name: "s3: an image scored, packed and put, from the command's start",
      reached: median(speeds.imports),
      possible: alone,
      unit: "MiB/s",
    },
    {
      name: "s3: acknowledged writes of 8 KiB, beside a folder",
      reached: median(speeds.far),
      possible: Math.round(median(speeds.near)),
      unit: "writes/s",
      aim: 0.9,
    },
  ];
}

/** Puts an image in pieces, some at once; MiB a second. */
async function upload(
  image: string,
  put: (offset: number, bytes: Uint8Array<ArrayBuffer>) => Promise<unknown>,
): Promise<number> {
  const bytes = await Deno.readFile(image);
  const begin = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < bytes.length) {
      const offset = next;
      next += OBJECT_BYTES;
      await put(offset, bytes.subarray(offset, offset + OBJECT_BYTES));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return rate(bytes.length, performance.now() - begin);
}

/** The same by the store of an archive, in its layers. */
async function putPacks(
  ceph: CephGateway,
  image: string,
  round: number,
): Promise<number> {
  for (const [name, value] of Object.entries(environmentOf(ceph))) {
    Deno.env.set(name, value);
  }
  const url = `s3://${BUCKET}/packs${round}?endpoint=${ceph.endpoint}`;
  const store = await openLayeredStore({ store: url }, { forArchive: true });
  const speed = await upload(
    image,
    (offset, bytes) => store.put(`packs/${offset}`, bytes, { ifAbsent: true }),
  );
  await store.close();
  return speed;
}

/** The SDK, told to do nothing but put objects. */
class SdkAlone implements Disposable {
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

  async put(Key: string, Body: Uint8Array): Promise<void> {
    await this.#client.send(
      new PutObjectCommand({ Bucket: BUCKET, Key, Body }),
    );
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
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
      ...["run", "-A", main, "import", image, "disk", "--create", "--json"],
      ...["--store", store, "--state", `${image}.state${round}`],
    ],
    env: environmentOf(ceph),
    stdout: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return rate(UPLOAD_BYTES, performance.now() - begin);
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
  await using relay = ceph &&
    new Relay(listenWithin(network.name), ceph.endpoint);
  const where = relay === undefined ? "near" : "far";
  const store = relay === undefined
    ? `file:${folder}/near${round}`
    : `s3://${BUCKET}/far${round}?endpoint=${relay.endpoint}`;
  const server = await ServerProcess.start(network, [
    ...["--create", "--store", store, "--max-lag", "10"],
    ...["--state", `${folder}/state-${where}${round}`],
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
      regionSectors: 2 * EASY_BYTES / 512,
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

/** An image that no other round has anything of. */
async function writeImage(path: string, round: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const fill = randomWords(round + 1);
  const piece = new Uint8Array(MEBIBYTE);
  for (let at = 0; at < UPLOAD_BYTES; at += piece.length) {
    fill(piece);
    await file.write(piece);
  }
}

function rate(byteCount: number, timeMs: number): number {
  return byteCount / MEBIBYTE / timeMs * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
