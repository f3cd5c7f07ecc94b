/**
 * Checks of `get` and `head`: whole blobs, ranges, what is missing.
 *
 * @module
 */

import {
  type BlobStoreCheck,
  bytesOf,
  type CheckContext,
  expect,
  expectBytes,
  expectCode,
} from "./check.ts";

const MEBIBYTE = 1 << 20;
const TOGETHER_TURNS = 3;

async function checkRoundTrip(
  { store, prefix, reopen }: CheckContext,
  size: number,
): Promise<void> {
  const key = `${prefix}blob`;
  const body = bytesOf(size, 1);
  await store.put(key, body);
  expectBytes(await store.get(key), body, `the blob of ${size} bytes`);
  const description = await store.head(key);
  expect(description !== null, `head found no blob of ${size} bytes`);
  expect(
    description.key === key && description.size === size,
    `head of ${size} bytes at ${key} says ${JSON.stringify(description)}`,
  );
  const other = await reopen();
  try {
    expectBytes(await other.get(key), body, "the blob in a reopened store");
  } finally {
    await other.close();
  }
}

async function checkRanges({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  const size = 70_001;
  const body = bytesOf(size, 2);
  await store.put(key, body);
  const ranges = [
    { offset: 0, length: 1 },
    { offset: 0, length: size },
    { offset: 1, length: size - 1 },
    { offset: size - 1, length: 1 },
    { offset: 4095, length: 4098 },
    { offset: 65_535, length: 2 },
  ];
  for (const range of ranges) {
    const end = range.offset + range.length;
    expectBytes(
      await store.get(key, { range }),
      body.subarray(range.offset, end),
      `the range from ${range.offset} to ${end}`,
    );
  }
}

async function checkBadRanges({ store, prefix }: CheckContext): Promise<void> {
  const key = `${prefix}blob`;
  await store.put(key, bytesOf(100, 3));
  await store.put(`${prefix}empty`, new Uint8Array(0));
  const ranges = [
    { offset: 0, length: 101 },
    { offset: 99, length: 2 },
    { offset: 100, length: 1 },
    { offset: 5000, length: 10 },
    { offset: 0, length: 0 },
    { offset: -1, length: 2 },
    { offset: 0.5, length: 1 },
    { offset: 0, length: Number.NaN },
  ];
  for (const range of ranges) {
    await expectCode(
      store.get(key, { range }),
      "RangeNotSatisfiable",
      `${range.length} bytes at ${range.offset} of 100`,
    );
  }
  await expectCode(
    store.get(`${prefix}empty`, { range: { offset: 0, length: 1 } }),
    "RangeNotSatisfiable",
    "1 byte of an empty blob",
  );
}

async function checkMissing({ store, prefix }: CheckContext): Promise<void> {
  await store.put(`${prefix}folder/blob`, bytesOf(4, 4));
  const missing = [
    "folder/other",
    "folder",
    "folder/blob/below",
    "none/at/all",
  ];
  for (const name of missing) {
    const key = prefix + name;
    await expectCode(store.get(key), "NotFound", `get of missing ${key}`);
    await expectCode(
      store.get(key, { range: { offset: 0, length: 1 } }),
      "NotFound",
      `get of a range of missing ${key}`,
    );
    expect(
      (await store.head(key)) === null,
      `head of missing ${key} found something`,
    );
  }
}

/** What does not come is no fault: `get` is asked for it. */
async function checkTogether({ store, prefix }: CheckContext): Promise<void> {
  const [one, other] = [`${prefix}one`, `${prefix}other`];
  const body = bytesOf(70_001, 5);
  await store.put(one, body);
  await store.put(other, body.subarray(1));
  const ranges = [
    { key: other, offset: 60_000, length: 10_000 },
    { key: one, offset: 0, length: 1 },
    { key: `${prefix}none`, offset: 0, length: 1 },
    { key: one, offset: 4095, length: 4098 },
    { key: one, offset: 70_000, length: 2 },
    { key: one, offset: 0, length: 70_001 },
  ];
  // The first answer of a store may be that it does not know yet.
  for (let turn = 0; turn < TOGETHER_TURNS; turn++) {
    const found = await store.getRanges!(ranges);
    expect(
      found.length === ranges.length,
      `of ${ranges.length} ranges read together ${found.length} came back`,
    );
    ranges.forEach(({ key, offset, length }, place) => {
      const bytes = found[place];
      if (bytes === undefined) return;
      const what = `the range from ${offset} to ${offset + length} of ${key}`;
      const blob = { [one]: body, [other]: body.subarray(1) }[key];
      const expected = blob?.subarray(offset, offset + length);
      expect(expected?.length === length, `${what}, which there is not, came`);
      expectBytes(bytes, expected, what);
    });
  }
}

/** Checks of `get` and `head`. */
export const readingChecks: readonly BlobStoreCheck[] = [
  {
    name: "an empty blob comes back empty",
    run: (context) => checkRoundTrip(context, 0),
  },
  {
    name: "a blob of one byte comes back",
    run: (context) => checkRoundTrip(context, 1),
  },
  {
    name: "a blob of 5 MiB and 3 bytes comes back",
    run: (context) => checkRoundTrip(context, 5 * MEBIBYTE + 3),
  },
  { name: "a range is exactly the bytes asked for", run: checkRanges },
  { name: "a range that does not exist is refused", run: checkBadRanges },
  {
    name: "ranges that are read together are what was asked, or left out",
    needs: (_, store) => store.getRanges !== undefined,
    run: checkTogether,
  },
  { name: "a missing blob is NotFound, and null for head", run: checkMissing },
];
