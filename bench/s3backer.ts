/**
 * A disk in S3 beside Debian's s3backer, which keeps each block of a disk in an
 * object of its own: the same work on the same gateway of Ceph, turn by turn.
 * s3backer's disk is a file on a FUSE mount, which fio works on at once. Ours
 * goes through frames, and through a relay out of the bench's network.
 *
 * @module
 */

import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { run } from "../setup/run.ts";
import { type CephGateway, startCeph } from "../setup/services/ceph.ts";
import { listenWithin } from "../setup/services/namespace.ts";
import type { ColdResult } from "./cold.ts";
import { TARGET } from "./contenders.ts";
import { dropCaches } from "./limits.ts";
import type { Load } from "./load_request.ts";
import { LoadClient } from "./load_client.ts";
import { Network } from "./network.ts";
import { Relay } from "./relay.ts";
import { ServerProcess } from "./server_process.ts";

const MEBIBYTE: number = 1024 * 1024;
/** The disk; Ceph keeps it in memory, from each side once a round. */
const DISK_BYTES: number = 256 * MEBIBYTE;
/** What is done at random lasts so long. */
const RANDOM_MS = 4000;
const DURATION_MAX_MS = 300_000;
const OUTSTANDING = 32;
const ROUNDS = 3;
const BUCKET = "bench";
/** Of s3backer's cache of blocks: a quarter of the disk. */
const CACHE_BYTES: number = DISK_BYTES / 4;
/** s3backer's block for all but small writes: with 4 KiB a disk is filled by 65,536 puts. */
const LARGE_BLOCK: number = 256 * 1024;
/** Its block for small writes: with larger ones it gets and puts more than is written. */
const SMALL_BLOCK = 4096;
const MOUNT_POLL_MS = 20;
const MOUNT_MS_MAX = 30_000;

/** What one side did in one round. */
interface Turn {
  /** MiB a second, written in order, until the store has all. */
  readonly stored: number;
  /** 4 KiB a second, each kept by stable storage when it is acknowledged. */
  readonly durable: number;
  /** MiB a second, in order, with nothing of the disk at hand. */
  readonly inOrder: number;
  /** 4 KiB a second, with nothing of the disk at hand. */
  readonly atRandom: number;
}

const ROWS: readonly (readonly [keyof Turn, string, string])[] = [
  ["stored", "written in order, until the store has all", "MiB/s"],
  ["durable", "durable writes of 4 KiB at random, 32 outstanding", "writes/s"],
  ["inOrder", "read in order, nothing at hand", "MiB/s"],
  ["atRandom", "4 KiB read at random, 32 outstanding", "reads/s"],
];

/** Measures in `folder`; s3backer's numbers are the limits of the rows. */
export async function measureBesideS3backer(
  folder: string,
): Promise<ColdResult[]> {
  await using ceph = await startCeph();
  await makeBucket(ceph);
  const theirs: Turn[] = [];
  const ours: Turn[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(await takeTurnOfS3backer(ceph, folder, round));
    ours.push(await takeOurTurn(ceph, folder, round));
    console.error(`s3backer round ${round}`, theirs.at(-1), ours.at(-1));
  }
  return ROWS.map(([what, name, unit]) => ({
    name,
    reached: median(ours.map((it) => it[what])),
    possible: Math.round(median(theirs.map((it) => it[what]))),
    unit,
    aim: 1,
  }));
}

async function takeTurnOfS3backer(
  ceph: CephGateway,
  folder: string,
  round: number,
): Promise<Turn> {
  const large = new Mount(ceph, folder, `large${round}`, LARGE_BLOCK);
  const small = new Mount(ceph, folder, `small${round}`, SMALL_BLOCK);
  const atRandom = ["--time_based", `--runtime=${RANDOM_MS}ms`];

  const begin = performance.now();
  await large.use([], (file) => fio(file, "write", "128k", 1, []));
  const stored = perSecond(DISK_BYTES / MEBIBYTE, performance.now() - begin);
  // Its cache is given up: it holds what was acknowledged in memory alone.
  const durable = await small.use(
    ["--directIO", "--blockCacheSync", "--blockCacheWriteDelay=0"],
    (file) => fio(file, "randwrite", "4k", OUTSTANDING, atRandom),
  );
  await dropCaches();
  const inOrder = await large.use(
    [],
    (file) => fio(file, "read", "128k", 1, []),
  );
  await dropCaches();
  const scattered = await large.use(
    ["--directIO"],
    (file) => fio(file, "randread", "4k", OUTSTANDING, atRandom),
  );
  return {
    stored,
    durable,
    inOrder: inOrder * 128 / 1024,
    atRandom: scattered,
  };
}

/** s3backer with a disk of its own. */
class Mount {
  readonly #folder: string;
  readonly #args: readonly string[];

  constructor(
    ceph: CephGateway,
    folder: string,
    name: string,
    blockBytes: number,
  ) {
    this.#folder = `${folder}/${name}`;
    Deno.mkdirSync(this.#folder);
    this.#args = [
      ...["-f", "--quiet", `--baseURL=${ceph.endpoint}/`],
      `--accessId=${ceph.accessKeyId}`,
      `--accessKey=${ceph.secretAccessKey}`,
      ...[`--prefix=${name}-`, `--size=${DISK_BYTES}`],
      `--blockSize=${blockBytes}`,
      `--blockCacheSize=${CACHE_BYTES / blockBytes}`,
      // Against stale answers, which this gateway does not give.
      ...["--md5CacheSize=0", "--md5CacheTime=0", "--minWriteDelay=0"],
    ];
  }

  /** Mounts it, works on its file, and unmounts it, when S3 has all. */
  async use<Result>(
    options: readonly string[],
    work: (file: string) => Promise<Result>,
  ): Promise<Result> {
    const file = `${this.#folder}/file`;
    const child = new Deno.Command("s3backer", {
      args: [...this.#args, ...options, BUCKET, this.#folder],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    try {
      await exists(file);
      return await work(file);
    } finally {
      await run("umount", [this.#folder]);
      await child.status;
    }
  }
}

/** Requests a second of so many threads, each with one outstanding. */
async function fio(
  file: string,
  rw: "read" | "write" | "randread" | "randwrite",
  bs: string,
  numjobs: number,
  more: readonly string[],
): Promise<number> {
  const { success, stdout, stderr } = await run("fio", [
    ...["--name=load", `--filename=${file}`, `--size=${DISK_BYTES}`],
    ...[`--rw=${rw}`, `--bs=${bs}`, "--ioengine=psync", "--thread"],
    ...[`--numjobs=${numjobs}`, "--group_reporting", "--refill_buffers"],
    ...["--allow_file_create=0", "--output-format=json", ...more],
  ]);
  if (!success) throw new Error(`fio on ${file}: ${stderr}`);
  const [job] = JSON.parse(stdout).jobs;
  return rw.endsWith("read") ? job.read.iops : job.write.iops;
}

async function exists(path: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < MOUNT_MS_MAX; waitedMs += MOUNT_POLL_MS) {
    const found = await Deno.stat(path).catch(() => undefined);
    if (found !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, MOUNT_POLL_MS));
  }
  throw new Error(`s3backer made no ${path} within ${MOUNT_MS_MAX} ms`);
}

async function takeOurTurn(
  ceph: CephGateway,
  folder: string,
  round: number,
): Promise<Turn> {
  await using network = await Network.create(9000);
  await using load = new LoadClient(network);
  await using relay = new Relay(listenWithin(network.name), ceph.endpoint);
  const environment = {
    AWS_ACCESS_KEY_ID: ceph.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey,
  };
  const volume = `${TARGET.shelf}.${TARGET.slot}=disk`;
  const serve = (
    archive: string,
    state: string,
    options: readonly string[],
  ): Promise<ServerProcess> =>
    ServerProcess.start(network, [
      "--store",
      `s3://${BUCKET}/${archive}${round}?endpoint=${relay.endpoint}`,
      ...["--state", `${folder}/${state}${round}`, ...options],
    ], environment);
  const ask = async (work: Partial<Load>): Promise<number> => {
    const job = { target: TARGET, load: { ...LOAD, ...work } };
    const { requests, elapsedMs } = await load.run(job);
    return perSecond(requests, elapsedMs);
  };
  const fresh = ["--create", "--target", `${volume}:${DISK_BYTES}`];

  const begin = performance.now();
  const writer = await serve("ours", "written", fresh);
  await ask({ kind: "write", requestsMax: REQUESTS });
  await writer.end("SIGTERM");
  const stored = perSecond(DISK_BYTES / MEBIBYTE, performance.now() - begin);

  const other = await serve("random", "random", fresh);
  const durable = await ask({ kind: "write", ...AT_RANDOM });
  await other.end("SIGTERM");

  const cold = ["--read-only", "--target", volume];
  await dropCaches();
  const first = await serve("ours", "in-order", cold);
  await ask(ONE);
  const inOrder = await ask({ requestsMax: REQUESTS });
  await first.end("SIGTERM");

  await dropCaches();
  const second = await serve("ours", "at-random", cold);
  await ask(ONE);
  const atRandom = await ask(AT_RANDOM);
  await second.end("SIGTERM");
  return { stored, durable, inOrder: inOrder / 128, atRandom };
}

/** In order, 8 KiB a request. */
const LOAD: Load = {
  kind: "read",
  order: "sequential",
  content: "random",
  sectorsPerRequest: 16,
  outstanding: OUTSTANDING,
  regionSectors: DISK_BYTES / 512,
  durationMs: DURATION_MAX_MS,
};

/** All of the disk once. */
const REQUESTS: number = DISK_BYTES / 8192;

const AT_RANDOM: Partial<Load> = {
  order: "random",
  sectorsPerRequest: 8,
  durationMs: RANDOM_MS,
};

/** The first read of an archive waits until its index is made. */
const ONE: Partial<Load> = { requestsMax: 1, outstanding: 1 };

async function makeBucket(ceph: CephGateway): Promise<void> {
  const client = new S3Client({
    endpoint: ceph.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: {
      accessKeyId: ceph.accessKeyId,
      secretAccessKey: ceph.secretAccessKey,
    },
  });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
}

function perSecond(count: number, elapsedMs: number): number {
  return count / elapsedMs * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
