/**
 * Checks of what a store says about itself, and of `hold`.
 *
 * @module
 */

import { type BlobStoreCheck, type CheckContext, expect } from "./check.ts";

// deno-lint-ignore require-await -- rejects instead of throwing
async function checkCapabilities({ store }: CheckContext): Promise<void> {
  const { createExclusive, hold, concurrencyMax } = store.capabilities;
  expect(
    Number.isInteger(concurrencyMax) && concurrencyMax >= 1,
    `concurrencyMax is ${concurrencyMax}, not a whole number from 1`,
  );
  expect(
    typeof createExclusive === "boolean" && typeof hold === "boolean",
    "createExclusive and hold are not both true or false",
  );
  expect(
    (store.hold !== undefined) === hold,
    `hold is ${hold ? "claimed and missing" : "there and not claimed"}`,
  );
  expect(
    /^[a-z][a-z0-9+.-]*:/.test(store.display),
    `display is ${JSON.stringify(store.display)}, not a URL`,
  );
}

async function checkExclusive(context: CheckContext): Promise<void> {
  const { store } = context;
  const other = await context.reopen();
  try {
    const first = await store.hold?.();
    expect(first !== null && first !== undefined, "a free store is not held");
    expect((await other.hold?.()) === null, "a held store is held once more");
    expect((await store.hold?.()) === null, "a held store is held twice");
    await first.release();
    const second = await other.hold?.();
    expect(
      second !== null && second !== undefined,
      "a released store cannot be held",
    );
    await first.release();
    expect(
      (await store.hold?.()) === null,
      "releasing twice lets go of another's hold",
    );
    await second.release();
  } finally {
    await other.close();
  }
}

async function checkClosing(context: CheckContext): Promise<void> {
  const other = await context.reopen();
  await other.hold?.();
  await other.close();
  const hold = await context.store.hold?.();
  expect(
    hold !== null && hold !== undefined,
    "a store is still held after its holder closed it",
  );
  await hold.release();
}

/** Checks of capabilities and holds. */
export const holdingChecks: readonly BlobStoreCheck[] = [
  { name: "a store says truly what it can do", run: checkCapabilities },
  {
    name: "a store has one holder at a time",
    needs: ({ hold }) => hold,
    takesHold: true,
    run: checkExclusive,
  },
  {
    name: "closing a store lets go of its hold",
    needs: ({ hold }) => hold,
    takesHold: true,
    run: checkClosing,
  },
];
