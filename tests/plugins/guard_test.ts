import assert from "node:assert/strict";
import {
  BlobError,
  type BlobErrorCode,
  blobErrorCode,
  type BlobStore,
} from "../../blobstores/blob_store.ts";
import { testBlobStore } from "../../blobstores/conformance.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import type { BlobStorePlugin } from "../../blobstores/plugin.ts";
import { GuardedStore } from "../../plugins/guard.ts";
import { GuardedErrors } from "../../plugins/guarded_errors.ts";
import { openGuarded } from "../../plugins/open_guarded.ts";
import { openStore, PluginRegistry } from "../../plugins/registry.ts";

const NAME = "https://example.org/toy.ts";

// deno-lint-ignore no-explicit-any -- what a plugin does that no type has seen
type Anything = any;

/** A guarded store in memory, some of whose members are others. */
function guarded(changes: Record<string, Anything> = {}): GuardedStore {
  const store = new MemoryStore();
  const members = {
    display: "toy:here",
    capabilities: { createExclusive: true, hold: true, concurrencyMax: 4 },
    put: store.put.bind(store),
    get: store.get.bind(store),
    head: store.head.bind(store),
    list: store.list.bind(store),
    hold: () => Promise.resolve(null),
    close: store.close.bind(store),
    ...changes,
  };
  const errors = new GuardedErrors(NAME, ["hush/1"]);
  return new GuardedStore(members, { errors, closeTimeoutMs: 20 });
}

async function failure(operation: Promise<unknown>): Promise<BlobError> {
  const error = await operation.then(() => null, (error) => error);
  assert.ok(error instanceof BlobError, String(error));
  return error;
}

async function* listing(items: readonly Anything[]): AsyncGenerator<Anything> {
  yield* items;
}

testBlobStore("a guarded store", () => {
  const space = new MemorySpace();
  const errors = new GuardedErrors(NAME, []);
  return Promise.resolve({
    open: (): Promise<BlobStore> =>
      Promise.resolve(new GuardedStore(new MemoryStore({ space }), { errors })),
  });
});

const range = { offset: 0, length: 4 };

/** What a store answers, what is asked, and what comes of it. */
const VIOLATIONS: readonly [
  string,
  Record<string, Anything>,
  (store: BlobStore) => Promise<unknown>,
  BlobErrorCode,
  RegExp,
][] = [
  [
    "too few bytes of a range",
    { get: () => Promise.resolve(new Uint8Array(3)) },
    (store) => store.get("a", { range }),
    "Corrupt",
    /returned 3 bytes where 4 were asked/,
  ],
  [
    "too many bytes of a range",
    { get: () => Promise.resolve(new Uint8Array(5)) },
    (store) => store.get("a", { range }),
    "Corrupt",
    /returned 5 bytes where 4 were asked/,
  ],
  ...["text", null, [1, 2, 3, 4], new ArrayBuffer(4)].map((bytes) =>
    [
      `no bytes but ${Deno.inspect(bytes)}`,
      { get: () => bytes },
      (store: BlobStore) => store.get("a", { range }),
      "Corrupt",
      /returned no Uint8Array/,
    ] as const
  ).map((row): typeof VIOLATIONS[number] => [...row]),
  [
    "shared memory",
    { get: () => new Uint8Array(new SharedArrayBuffer(4)) },
    (store) => store.get("a"),
    "Corrupt",
    /returned no Uint8Array/,
  ],
  ...[undefined, [], [new Uint8Array(3)], [null], ["text"], "a"].map((found) =>
    [
      `for a range ${Deno.inspect(found)}`,
      { getRanges: () => Promise.resolve(found) },
      (store: BlobStore) => store.getRanges!([{ key: "a", ...range }]),
      "Corrupt",
      /returned (no array of as many|something else than 4 bytes)/,
    ] as const
  ).map((row): typeof VIOLATIONS[number] => [...row]),
  [
    "a description without a size",
    { head: () => Promise.resolve({ key: "a" }) },
    (store) => store.head("a"),
    "Corrupt",
    /without a key or a size/,
  ],
  [
    "a description of nothing",
    { head: () => Promise.resolve(undefined) },
    (store) => store.head("a"),
    "Corrupt",
    /without a key or a size/,
  ],
  [
    "a description of another blob",
    { head: () => Promise.resolve({ key: "b", size: 1 }) },
    (store) => store.head("a"),
    "Corrupt",
    /another blob/,
  ],
  [
    "no listing",
    { list: () => undefined },
    (store) => Array.fromAsync(store.list("")),
    "Unknown",
    /no AsyncIterable/,
  ],
  [
    "a listing that does not ascend",
    { list: () => listing([{ key: "b", size: 1 }, { key: "a", size: 1 }]) },
    (store) => Array.fromAsync(store.list("")),
    "Corrupt",
    /listed "a" behind "b"/,
  ],
  [
    "a listing with a key twice",
    { list: () => listing([{ key: "b", size: 1 }, { key: "b", size: 1 }]) },
    (store) => Array.fromAsync(store.list("")),
    "Corrupt",
    /listed "b" behind "b"/,
  ],
  [
    "a listing from its beginning",
    { list: () => listing([{ key: "b", size: 1 }]) },
    (store) => Array.fromAsync(store.list("", { startAfter: "c" })),
    "Corrupt",
    /listed "b" behind "c"/,
  ],
  [
    "a listing of everything",
    { list: () => listing([{ key: "b", size: 1 }]) },
    (store) => Array.fromAsync(store.list("a")),
    "Corrupt",
    /listed "b"/,
  ],
  [
    "a listing of what are no keys",
    { list: () => listing([{ key: "a/../b", size: 1 }]) },
    (store) => Array.fromAsync(store.list("")),
    "Corrupt",
    /without a key/,
  ],
  [
    "a hold without a release",
    { hold: () => Promise.resolve({}) },
    (store) => store.hold!(),
    "Corrupt",
    /returned no hold/,
  ],
  [
    "a close without an end",
    { close: () => new Promise(() => {}) },
    (store) => store.close(),
    "Timeout",
    /not closed it after 0\.02 s/,
  ],
  [
    "an error thrown at once",
    {
      put: () => {
        throw new TypeError("x is not a function");
      },
    },
    (store) => store.put("a", new Uint8Array(1)),
    "Unknown",
    /Cannot put "a".*failed: x is not a function/,
  ],
  [
    "what is no error",
    { put: () => Promise.reject(undefined) },
    (store) => store.put("a", new Uint8Array(1)),
    "Unknown",
    /failed: undefined/,
  ],
];

for (const [title, changes, attempt, code, message] of VIOLATIONS) {
  Deno.test(`a store that answers with ${title} is named and refused`, async () => {
    const error = await failure(attempt(guarded(changes)));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.ok(error.message.includes(NAME), error.message);
  });
}

Deno.test("an error with a code keeps it, and what it says of trying again", async () => {
  const given = { code: "RateLimited", retryable: true, retryAfterMs: 70 };
  const thrown = Object.assign(new Error("Slow down"), given);
  const store = guarded({ get: () => Promise.reject(thrown) });
  const error = await failure(store.get("a"));
  assert.equal(error.code, "RateLimited");
  assert.equal(error.retryable, true);
  assert.equal(error.retryAfterMs, 70);
  const strange = { code: "ENOENT", retryable: "yes", retryAfterMs: "soon" };
  const other = guarded({ get: () => Promise.reject(strange) });
  const found = await failure(other.get("a"));
  assert.equal(found.code, "Unknown");
  assert.equal(found.retryable, false);
  assert.equal(found.retryAfterMs, undefined);
});

Deno.test("an error without a code after an abort is Cancelled", async () => {
  const store = guarded({
    get: () => Promise.reject(new DOMException("aborted", "AbortError")),
  });
  const signal = AbortSignal.abort();
  assert.equal((await failure(store.get("a", { signal }))).code, "Cancelled");
});

Deno.test("a listing that is left ends the plugin's", async () => {
  let ended = false;
  async function* list(): AsyncGenerator<Anything> {
    try {
      yield { key: "a", size: 1 };
      yield { key: "b", size: 1 };
    } finally {
      ended = true;
    }
  }
  for await (const _ of guarded({ list }).list("")) break;
  assert.equal(ended, true);
});

Deno.test("bytes in a larger buffer become the caller's own", async () => {
  const large = new Uint8Array(100);
  const store = guarded({ get: () => Promise.resolve(large.subarray(10, 14)) });
  const found = await store.get("a", { range });
  assert.equal(found.buffer.byteLength, 4);
});

Deno.test("a secret is in no message, cause or stack", async () => {
  const cause = new Error("GET /?token=hush%2F1");
  const thrown = new Error("password hush/1 refused", { cause });
  const store = guarded({ get: () => Promise.reject(thrown) });
  const error = await failure(store.get("a"));
  assert.match(error.message, /password \*\*\* refused/);
  assert.doesNotMatch(Deno.inspect(error), /hush/);
});

function plugin(open: Anything, more: Anything = {}): BlobStorePlugin {
  return { apiVersion: 1, schemes: ["toy"], open, ...more };
}

const ORIGIN = { name: NAME, scheme: "toy" };

Deno.test("a plugin that hangs, throws or opens no store is named", async () => {
  const opening = { url: "toy:", create: false, settings: {}, timeoutMs: 30 };
  const cases: [Anything, BlobErrorCode, RegExp][] = [
    [() => new Promise(() => {}), "Timeout", /no answer after 0\.03 s/],
    [() => Promise.reject(new Error("no moon")), "Unknown", /no moon/],
    [
      () => {
        throw new RangeError("at once");
      },
      "Unknown",
      /at once/,
    ],
    [() => undefined, "InvalidConfig", /lacks put/],
    [
      () => ({ ...new MemoryStore(), capabilities: { hold: false } }),
      "InvalidConfig",
      /lacks.*capabilities/,
    ],
  ];
  for (const [open, code, message] of cases) {
    const error = await failure(openGuarded(plugin(open), ORIGIN, opening));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.ok(error.message.includes(NAME), error.message);
  }
});

Deno.test("a store that is opened too late is closed", async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let given: AbortSignal | undefined;
  async function open(
    _: string,
    __: unknown,
    { signal }: { signal: AbortSignal },
  ): Promise<Anything> {
    given = signal;
    await new Promise((resolve) => setTimeout(resolve, 60));
    return { close: resolve };
  }
  const opening = { url: "toy:", create: false, settings: {}, timeoutMs: 10 };
  await failure(openGuarded(plugin(open), ORIGIN, opening));
  assert.equal(given?.aborted, true);
  await closed;
});

Deno.test("a URL's password is in no message of opening", async () => {
  const open = (url: string): Promise<never> =>
    Promise.reject(new Error(`no answer from ${url}, user me, password s t`));
  const url = "toy://me:s%20t@host/x";
  const opening = { url, create: false, settings: {} };
  const error = await failure(openGuarded(plugin(open), ORIGIN, opening));
  assert.doesNotMatch(Deno.inspect(error), /s%20t|s t/);
  assert.match(error.message, /me:\*\*\*@host/);
});

Deno.test("options are checked before a plugin is opened", async () => {
  const options = [
    { name: "user", type: "string", description: "Who", required: true },
    { name: "depth", type: "number", description: "How deep" },
  ];
  const open = (): Promise<BlobStore> => Promise.resolve(new MemoryStore());
  const attempt = (settings: Anything, declared: unknown): Promise<unknown> =>
    openStore("toy:", {
      registry: new PluginRegistry([{
        name: NAME,
        schemes: ["toy"],
        guarded: true,
        settings,
        load: () =>
          Promise.resolve({ default: plugin(open, { options: declared }) }),
      }]),
    });
  await attempt({ user: "me", depth: 3 }, options);
  const cases: [Anything, unknown, RegExp][] = [
    [{ user: "me", dept: 3 }, options, /did you mean "depth"\?/],
    [{ user: "me", colour: "x" }, options, /it has user, depth$/],
    [{ user: "me" }, undefined, /no option "user": it has none/],
    [{}, options, /"user" is missing: Who/],
    [{ user: "hush", depth: "hush" }, options, /number, not a string/],
    [{ user: "me", depth: NaN }, options, /"depth" is a number/],
    [{}, "many", /`options` are no array/],
    [{}, [{ name: "a b" }], /no `name`/],
    [{}, [{ name: "a", type: "date" }], /no `type`/],
    [{}, [{ name: "a", type: "string" }], /no `description`/],
    [
      {},
      [{ name: "a", type: "string", description: "x\x1b[2J" }],
      /no `description` of one line/,
    ],
    [{}, [options[1], options[1]], /declares the option "depth" twice/],
  ];
  for (const [settings, declared, message] of cases) {
    const error = await failure(attempt(settings, declared));
    assert.equal(blobErrorCode(error), "InvalidConfig");
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /hush/);
    assert.ok(error.message.includes(NAME), error.message);
  }
});
