/**
 * Checks of `put`: who wins, what readers see meanwhile, whose buffers.
 *
 * @module
 */

import type { BlobStore } from "../blob_store.ts";
import {
  type BlobStoreCheck,
  bytesOf,
  type CheckContext,
  ConformanceError,
  expect,
  expectBytes,
  expectCode,
  keysOf,
  outcome,
  told,
} from "./check.ts";

const CONTENDERS = 32;
const CONTEST_TRIES_MAX = 1000;
const REPLACEMENTS = 40;

async function checkReplace({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  for (const size of [300, 7, 0, 9000]) {
    const body = bytesOf(size, size);
    await store.put(key, body);
    expectBytes(await store.get(key), body, "the replaced blob");
    const head = await store.head(key);
    expect(head?.size === size, `head says ${head?.size}, not ${size} bytes`);
  }
}

/** Bodies differ in every byte and in length, so that a mixture shows. */
async function checkWhole({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  const bodies = [11, 22].map((byte) =>
    new Uint8Array(100_000 + byte).fill(byte)
  );
  await store.put(key, bodies[0]!);
  let writing = true;
  async function write(): Promise<void> {
    try {
      for (let turn = 1; turn <= REPLACEMENTS; turn++) {
        await store.put(key, bodies[turn % 2]!);
      }
    } finally {
      writing = false;
    }
  }
  async function read(): Promise<void> {
    while (writing) {
      const found = await store.get(key);
      const body = bodies.find(({ length }) => length === found.length);
      expect(
        body !== undefined,
        `a reader saw ${found.length} bytes while a blob was replaced`,
      );
      expectBytes(found, body, "the blob that is being replaced");
    }
  }
  // None is left running when another one fails.
  for (const result of await Promise.allSettled([write(), read(), read()])) {
    if (result.status === "rejected") throw result.reason;
  }
}

async function checkCreate({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  const body = bytesOf(500, 1);
  await store.put(key, body, { ifAbsent: true });
  await expectCode(
    store.put(key, bytesOf(600, 2), { ifAbsent: true }),
    "AlreadyExists",
    "creating a blob that exists",
  );
  expectBytes(await store.get(key), body, "the blob that was there first");
}

async function checkContest(context: CheckContext): Promise<void> {
  const { store, prefix } = context;
  const key = `${prefix}blob`;
  const other = await context.reopen();
  try {
    const bodies = Array.from(
      { length: CONTENDERS },
      (_, index) => bytesOf(2000, index),
    );
    const outcomes = await Promise.all(
      bodies.map((body, index) =>
        outcome(create(index % 2 ? store : other, key, body))
      ),
    );
    const winners = bodies.filter((_, index) => outcomes[index] === "resolved");
    expect(
      winners.length === 1,
      `${winners.length} of ${CONTENDERS} creators of one blob won, not 1`,
    );
    const odd = outcomes.find((found) =>
      found !== "resolved" && found !== "AlreadyExists"
    );
    expect(odd === undefined, `a creator that lost failed with ${odd}`);
    expectBytes(await store.get(key), winners[0]!, "the winner's blob");
  } finally {
    await other.close();
  }
}

/** A store may ask a contender to try again while another one is at the key. */
async function create(
  store: BlobStore,
  key: string,
  body: Uint8Array,
): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await store.put(key, body, { ifAbsent: true });
    } catch (error) {
      const { retryable } = error as { retryable?: boolean };
      if (retryable !== true || tries === CONTEST_TRIES_MAX) throw error;
      await store.head(key);
    }
  }
}

async function checkBody({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  const memory = bytesOf(300, 1);
  const body = memory.subarray(100, 200);
  const expected = body.slice();
  await store.put(key, body);
  memory.fill(0xee);
  expectBytes(
    await store.get(key),
    expected,
    "a blob whose buffer was used again",
  );
}

async function checkResult({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  const body = bytesOf(100, 1);
  await store.put(key, body);
  const range = { offset: 10, length: 50 };
  for (const options of [{}, { range }]) {
    const found = await store.get(key, options);
    new Uint8Array(found.buffer).fill(0xee);
    expectBytes(
      await store.get(key),
      body,
      "a blob after a reader wrote into its copy",
    );
  }
}

async function checkShared({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  const body = new Uint8Array(new SharedArrayBuffer(5000));
  body.set(bytesOf(5000, 1));
  await store.put(key, body);
  const found = await store.get(key);
  expectBytes(found, body, "a blob put from shared memory");
  expect(
    !(found.buffer as ArrayBufferLike instanceof SharedArrayBuffer),
    "get answers with shared memory",
  );
}

async function checkAborted({ store, prefix }: CheckContext): Promise<void> {
  const signal = AbortSignal.abort();
  const key = `${prefix}blob`;
  await store.put(key, bytesOf(5, 1));
  const absent = `${prefix}absent`;
  const attempts: [string, () => Promise<unknown>][] = [
    ["put", () => store.put(absent, bytesOf(5, 1), { signal })],
    ["get", () => store.get(key, { signal })],
    ["head", () => store.head(key, { signal })],
    ["list", () => Array.fromAsync(store.list(prefix, { signal }))],
  ];
  if (store.hold !== undefined) {
    attempts.push(["hold", async () => await store.hold?.({ signal })]);
  }
  for (const [name, attempt] of attempts) {
    await expectCode(attempt(), "Cancelled", `${name}, given up beforehand,`);
  }
  expect(
    (await store.head(absent)) === null,
    "a put that was given up beforehand stored something",
  );
}

async function checkAborting({ store, prefix }: CheckContext): Promise<void> {
  const body = bytesOf(3 << 20, 1);
  for (let turns = 0; turns < 6; turns++) {
    const key = `${prefix}blob-${turns}`;
    const giveUp = new AbortController();
    const put = outcome(store.put(key, body, { signal: giveUp.signal }));
    for (let turn = 0; turn < turns * turns; turn++) await Promise.resolve();
    giveUp.abort();
    const result = await put;
    expect(
      result === "resolved" || result === "Cancelled",
      `a put that is given up ${told(result)}`,
    );
    await expectWholeOrAbsent(store, key, body, result === "resolved");
    await store.put(key, body);
    expectBytes(await store.get(key), body, "a blob put again");
  }
}

async function expectWholeOrAbsent(
  store: BlobStore,
  key: string,
  body: Uint8Array,
  mustExist: boolean,
): Promise<void> {
  if (!mustExist && (await store.head(key)) === null) return;
  const found = await store.get(key).catch((cause) => {
    throw new ConformanceError(`get after a put failed: ${cause}`, cause);
  });
  expectBytes(found, body, "the blob of a put that was given up");
}

async function checkDelete({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  await store.put(key, bytesOf(10, 1));
  await store.put(`${key}-beside`, bytesOf(20, 2));
  await store.delete?.(key);
  await store.delete?.(key);
  await store.delete?.(`${prefix}none/at/all`);
  expect(await store.head(key) === null, "a deleted blob is still there");
  await expectCode(store.get(key), "NotFound", "get of a deleted blob");
  const left = await keysOf(store, prefix);
  expect(
    left.length === 1 && left[0] === `${key}-beside`,
    `after a deletion the listing has ${left.join(", ")}`,
  );
}

/** Checks of `put` and of giving up. */
export const writingChecks: readonly BlobStoreCheck[] = [
  { name: "a blob can be replaced", run: checkReplace },
  { name: "a reader sees a whole blob while it is replaced", run: checkWhole },
  {
    name: "creating a blob that exists changes nothing",
    needs: ({ createExclusive }) => createExclusive,
    run: checkCreate,
  },
  {
    name: "of 32 creators of one blob exactly one wins",
    needs: ({ createExclusive }) => createExclusive,
    run: checkContest,
  },
  {
    name: "a deleted blob is gone, and no other",
    needs: (_, store) => store.delete !== undefined,
    run: checkDelete,
  },
  { name: "a body belongs to the caller after a put", run: checkBody },
  { name: "a result belongs to the caller of get", run: checkResult },
  { name: "a body may lie in shared memory", run: checkShared },
  { name: "an operation that was given up does nothing", run: checkAborted },
  {
    name: "a put that is given up leaves a whole blob or none",
    run: checkAborting,
  },
];
