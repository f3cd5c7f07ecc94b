/**
 * Checks of `list` and of keys.
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
  keysOf,
  outcome,
  putAll,
  told,
} from "./check.ts";

/** More than one page of every service that lists in pages. */
const MANY = 1101;

/** In order; none is a folder of another. */
const NEIGHBOURS = [
  "a-b",
  "a.b",
  "a/b",
  "a/b.c",
  "a/c/d",
  "a/c0",
  "a0",
  "a_",
  "aa",
  "ab",
  "b",
];

const BAD_KEYS = [
  "",
  "/",
  "/a",
  "a/",
  "a//b",
  ".",
  "..",
  "a/../b",
  "../a",
  "a/.",
  "A",
  "ä",
  "a b",
  "a+b",
  "a%2fb",
  "a\\b",
  "a\0b",
  "a\n",
  "x".repeat(201),
];

async function checkMany({ store, prefix }: CheckContext): Promise<void> {
  const keys = Array.from(
    { length: MANY },
    (_, index) => `${prefix}${index % 3}/${index}`,
  );
  await putAll(store, keys);
  expectKeys(await keysOf(store, prefix), keys.sort(), "a long listing");
  const paged: string[] = [];
  for (;;) {
    const before = paged.length;
    for await (
      const { key } of store.list(prefix, { startAfter: paged.at(-1) ?? "" })
    ) {
      paged.push(key);
      if (paged.length - before === 250) break;
    }
    if (paged.length === before) break;
  }
  expectKeys(paged, keys, "a listing in parts, each after the last key");
}

async function checkPrefixes({ store, prefix }: CheckContext): Promise<void> {
  const keys = NEIGHBOURS.map((name) => prefix + name);
  await putAll(store, keys);
  const parts = ["", "a", "a-", "a/", "a/b", "a/c", "a/c/", "a0", "b", "b/"];
  for (const part of [...parts, "c", "a/b.c/d", "a//", "a/./b"]) {
    expectKeys(
      await keysOf(store, prefix + part),
      keys.filter((key) => key.startsWith(prefix + part)),
      `the listing of "${part}"`,
    );
  }
}

async function checkStarts({ store, prefix }: CheckContext): Promise<void> {
  const keys = NEIGHBOURS.map((name) => prefix + name);
  await putAll(store, keys);
  const between = ["a", "a/", "a/bb", "a/c", "a/c/", "a/c/z", "a1", "c"];
  for (const part of ["", "a", "a/"]) {
    for (const start of [...NEIGHBOURS, ...between]) {
      expectKeys(
        await keysOf(store, prefix + part, prefix + start),
        keys.filter((key) =>
          key.startsWith(prefix + part) && key > prefix + start
        ),
        `the listing of "${part}" after "${start}"`,
      );
    }
  }
}

async function checkSizes({ store, prefix }: CheckContext): Promise<void> {
  const sizes = [0, 1, 4096, 70_000];
  for (const size of sizes) {
    await store.put(`${prefix}blob-${size}`, bytesOf(size, size));
  }
  for await (const { key, size } of store.list(prefix)) {
    expect(
      key === `${prefix}blob-${size}`,
      `the listing gives ${key} a size of ${size} bytes`,
    );
  }
}

async function checkKeys({ store, prefix }: CheckContext): Promise<void> {
  const names = [
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    ".hidden",
    "ends.",
    "..a",
    "a..b",
    "...",
    "-",
    "_",
    "-rf",
    "s/in/g/l/e",
    "long".padEnd(200 - prefix.length, "0"),
  ];
  for (const [index, name] of names.entries()) {
    await store.put(prefix + name, bytesOf(10, index));
  }
  for (const [index, name] of names.entries()) {
    expectBytes(
      await store.get(prefix + name),
      bytesOf(10, index),
      `the blob "${name}"`,
    );
  }
  expectKeys(
    await keysOf(store, prefix),
    names.map((name) => prefix + name).sort(),
    "the listing of unusual keys",
  );
}

async function checkBadKeys({ store }: CheckContext): Promise<void> {
  for (const key of BAD_KEYS) {
    const shown = JSON.stringify(key);
    const body = bytesOf(1, 1);
    await expectCode(store.put(key, body), "InvalidKey", `put of ${shown}`);
    await expectCode(store.get(key), "InvalidKey", `get of ${shown}`);
    await expectCode(store.head(key), "InvalidKey", `head of ${shown}`);
  }
  for (const text of ["A", "a b", "x".repeat(201)]) {
    const shown = JSON.stringify(text);
    await expectCode(
      keysOf(store, text),
      "InvalidKey",
      `the listing of ${shown}`,
    );
    await expectCode(
      keysOf(store, "", text),
      "InvalidKey",
      `the listing after ${shown}`,
    );
  }
  for (const text of ["../", "/", "./", "a/../"]) {
    expectKeys(await keysOf(store, text), [], `the listing of "${text}"`);
  }
}

/** A store with folders cannot have both; it must say so and lose nothing. */
async function checkFolders({ store, prefix }: CheckContext): Promise<void> {
  const pairs = [["x", "x/y"], ["z/y", "z"]];
  for (const [first, second] of pairs) {
    const body = bytesOf(10, 1);
    await store.put(prefix + first, body);
    const result = await outcome(store.put(prefix + second, bytesOf(20, 2)));
    expect(
      result === "resolved" || result === "InvalidKey",
      `"${second}" beside "${first}" ${told(result)}`,
    );
    expectBytes(await store.get(prefix + first), body, `"${first}"`);
    const head = await store.head(prefix + second);
    expect(
      (head !== null) === (result === "resolved"),
      `"${second}" beside "${first}" ${told(result)}, but head differs`,
    );
  }
}

async function checkAborting({ store, prefix }: CheckContext): Promise<void> {
  const keys = NEIGHBOURS.map((name) => prefix + name);
  await putAll(store, keys);
  const giveUp = new AbortController();
  async function list(): Promise<void> {
    const { signal } = giveUp;
    for await (const _ of store.list(prefix, { signal })) giveUp.abort();
  }
  await expectCode(list(), "Cancelled", "a listing, given up after one blob,");
  expectKeys(await keysOf(store, prefix), keys, "the listing after that");
}

function expectKeys(
  found: readonly string[],
  expected: readonly string[],
  what: string,
): void {
  const length = Math.max(found.length, expected.length);
  for (let index = 0; index < length; index++) {
    expect(
      found[index] === expected[index],
      `${what} has ${found.length} keys, not ${expected.length}; number ` +
        `${index} is "${found[index]}", not "${expected[index]}"`,
    );
  }
}

/** Checks of `list` and of keys. */
export const listingChecks: readonly BlobStoreCheck[] = [
  { name: "more than 1000 blobs are listed in order, once", run: checkMany },
  { name: "a prefix lists exactly its blobs", run: checkPrefixes },
  { name: "a listing starts behind a key", run: checkStarts },
  { name: "a listing tells sizes", run: checkSizes },
  { name: "every character of keys can be used", run: checkKeys },
  { name: "what is no key is refused", run: checkBadKeys },
  {
    name: "a blob beside a folder of its name loses nothing",
    run: checkFolders,
  },
  { name: "a listing can be given up", run: checkAborting },
];
