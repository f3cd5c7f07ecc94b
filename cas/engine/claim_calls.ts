/**
 * Is the server that claimed an archive still there? (docs/format.md, "Calls")
 *
 * Where a store has no hold, nothing tells a living server from a dead one, and
 * a lease would have to be renewed by a new blob every few seconds for ever. So
 * a server that wants the archive asks: it puts a call, and the holder, which
 * looks for calls as often as for a newer epoch, puts an answer. Nobody answers
 * for a server that is gone.
 *
 * This only spares a living server a takeover by mistake. That two servers
 * never both write is the epochs' work, whatever was answered or not.
 *
 * @module
 */

import { createBlob, readBlob } from "./blobs.ts";
import type { EngineContext } from "./context.ts";
import {
  answerKey,
  callKey,
  callsPrefix,
  LEFT_PREFIX,
  leftKey,
  parseCallKey,
} from "./names.ts";
import { decodeSealedText, encodeSealedText } from "./sealed_text.ts";

const CALL_TYPE = "deepshelf call";
const ANSWER_TYPE = "deepshelf answer";
const LEFT_TYPE = "deepshelf left";
const NONCE_LENGTH = 16;

/** Four times as long as a holder takes to notice a call. */
const CALL_WAIT_MS = 20_000;
const CALL_LOOK_MS = 1000;

/** True if the holder of an epoch has closed the archive. */
export async function hasLeft(
  context: EngineContext,
  epoch: number,
): Promise<boolean> {
  const bytes = await readBlob(context, leftKey(epoch));
  const fields = bytes && decodeSealedText(bytes, context.hasher);
  return fields?.type === LEFT_TYPE;
}

/** Notes that the holder of an epoch closes the archive, so that nobody need ask. */
export async function leave(
  context: EngineContext,
  epoch: number,
): Promise<void> {
  const body = encodeSealedText({ type: LEFT_TYPE, epoch }, context.hasher);
  await createBlob(context, leftKey(epoch), body);
}

/** True if the holders of all epochs from `first` to below `end` have closed the archive. */
export async function haveLeft(
  context: EngineContext,
  first: number,
  end: number,
): Promise<boolean> {
  const { store, retry } = context;
  const from = leftKey(first);
  const startAfter = leftKey(first - 1);
  const left = await retry.run(
    `list from "${from}" on in ${store.display}`,
    async () => {
      const keys = new Set<string>();
      for await (const { key } of store.list(LEFT_PREFIX, { startAfter })) {
        keys.add(key);
      }
      return keys;
    },
  );
  for (let epoch = first; epoch < end; epoch++) {
    if (!left.has(leftKey(epoch))) return false;
  }
  return true;
}

/**
 * Asks the holder of an epoch, and waits for its answer. True if it answered,
 * which only a living server does.
 */
export async function holderAnswers(
  context: EngineContext,
  epoch: number,
): Promise<boolean> {
  const { store, retry, clock } = context;
  const key = answerKey(epoch, await call(context, epoch));
  const never = new AbortController().signal;
  for (let waitedMs = 0; waitedMs < CALL_WAIT_MS; waitedMs += CALL_LOOK_MS) {
    await clock.sleep(CALL_LOOK_MS, never);
    const answer = await retry.run(
      `look for "${key}" in ${store.display}`,
      () => store.head(key),
    );
    if (answer !== null) return true;
  }
  return false;
}

/** Puts a call of our own: another's may have been answered long ago. */
async function call(context: EngineContext, epoch: number): Promise<number> {
  const { random, hasher } = context;
  const body = encodeSealedText({
    type: CALL_TYPE,
    epoch,
    nonce: random(NONCE_LENGTH).toHex(),
  }, hasher);
  for (let number = await newestCall(context, epoch) + 1;; number++) {
    const other = await createBlob(context, callKey(epoch, number), body);
    if (other === undefined) return number;
  }
}

function newestCall(context: EngineContext, epoch: number): Promise<number> {
  const { store, retry } = context;
  const prefix = callsPrefix(epoch);
  return retry.run(`list "${prefix}" in ${store.display}`, async () => {
    let newest = 0;
    for await (const { key } of store.list(prefix)) {
      newest = parseCallKey(key) ?? newest;
    }
    return newest;
  });
}

/** The holder's part: answers the calls of its epoch. */
export class CallAnswerer {
  readonly #context: EngineContext;
  readonly #epoch: number;
  #next = 1;

  /** For the holder of this epoch. */
  constructor(context: EngineContext, epoch: number) {
    this.#context = context;
    this.#epoch = epoch;
  }

  /** Answers what was called since the last time. */
  async answer(): Promise<void> {
    const { store, retry, hasher } = this.#context;
    for (;;) {
      const key = callKey(this.#epoch, this.#next);
      const call = await retry.run(
        `look for "${key}" in ${store.display}`,
        () => store.head(key),
      );
      if (call === null) return;
      const body = encodeSealedText(
        { type: ANSWER_TYPE, epoch: this.#epoch, number: this.#next },
        hasher,
      );
      const answer = answerKey(this.#epoch, this.#next);
      await createBlob(this.#context, answer, body);
      this.#next++;
    }
  }
}
