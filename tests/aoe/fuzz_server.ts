/**
 * Sends hostile frames through a whole server (links, frame loop, targets) and
 * checks between them that a witness is answered right.
 *
 * The long run, ten million frames of one seed:
 *
 *     deno run --v8-flags=--expose-gc tests/aoe/fuzz_server.ts 10000000 1
 *
 * @module
 */

import {
  AoeServer,
  type BlockDevice,
  type Link,
  linkPair,
  MemoryDevice,
  Target,
} from "../../aoe/mod.ts";
import { FuzzWitness } from "./fuzz_witness.ts";
import { HostileFrames } from "./hostile_frames.ts";
import { MoodyDevice } from "./moody_device.ts";

/** What a run has seen. */
export interface FuzzReport {
  readonly hostileFrames: number;
  readonly replies: number;
  readonly witnessAnswers: number;
  /** Bytes of heap and buffers more at the end than after a tenth; needs gc. */
  readonly growthBytes: number | undefined;
}

/** Most batches are served in order of arrival; one in 16 is a flood. */
const BATCH_FRAMES_MAX = 200;
const FLOOD_FRAMES_MAX = 1000;
const TURNS_MAX = 10_000;
const OUR_ADDRESSES: ReadonlySet<string> = new Set(["1.0", "1.1", "2.0"]);

/** Sends `frameCount` hostile frames; throws at the first thing that is wrong. */
export async function fuzzServer(
  seed: number,
  frameCount: number,
): Promise<FuzzReport> {
  const [near, far] = linkPair({ mtu: 9000, queueFramesMax: 2048 });
  const unpadded = new UnpaddedSender(near, far);
  const hostile = new HostileFrames(seed);
  const witness = new FuzzWitness((limit) => hostile.below(limit));
  const server = new AoeServer();
  server.addLink(near);
  const chance = new HostileFrames(seed + 1);
  const moody = new MoodyDevice(2048, () => chance.below(1024) / 1024);
  const victims = [
    victim(1, 0, new MemoryDevice({ sectorCount: 2048 })),
    victim(1, 1, new MemoryDevice({ sectorCount: 2048, readOnly: true })),
    victim(2, 0, moody),
  ];
  for (const target of [...victims, witness.target]) server.addTarget(target);
  let failure: unknown;
  const running = server.run().catch((error) => failure = error);
  await new Promise((resolve) => setImmediate(resolve));
  far.drain(() => {}, Infinity); // the adverts
  let replies = 0;
  let witnessAnswers = 0;
  const take = (frame: Uint8Array, length: number): void => {
    replies++;
    if (!witness.isMine(frame)) {
      requireWellFormed(frame, length);
      if (hostile.below(16) === 0) hostile.learn(frame, length);
    } else {
      witness.check(frame, length);
      witnessAnswers++;
    }
  };
  let sent = 0;
  let heapBytes: number | undefined;
  while (sent < frameCount) {
    const max = hostile.below(16) === 0 ? FLOOD_FRAMES_MAX : BATCH_FRAMES_MAX;
    const size = Math.min(1 + hostile.below(max), frameCount - sent);
    for (let i = 0; i < size; i++) {
      const length = hostile.next();
      unpadded.send(hostile.bytes, length);
      if (hostile.below(64) === 0) unpadded.sendWhole(witness.next());
    }
    unpadded.sendWhole(witness.next());
    far.flush();
    sent += size;
    for (let turn = 0; witness.dueCount > 0; turn++) {
      if (failure !== undefined) throw failure;
      if (turn === TURNS_MAX) throw new Error("a valid request had no answer");
      await new Promise((resolve) => setImmediate(resolve));
      far.drain(take, Infinity);
    }
    if (heapBytes === undefined && sent >= frameCount / 10) {
      heapBytes = usedBytes();
    }
  }
  const endBytes = usedBytes();
  await server.close();
  await running;
  far.close();
  if (failure !== undefined) throw failure;
  return {
    hostileFrames: sent,
    replies,
    witnessAnswers,
    growthBytes: heapBytes === undefined || endBytes === undefined
      ? undefined
      : endBytes - heapBytes,
  };
}

/**
 * A target to attack. A hostile mask or reservation would end the attack, and
 * is lifted in the next turn.
 */
function victim(shelf: number, slot: number, device: BlockDevice): Target {
  const target: Target = new Target({
    shelf,
    slot,
    device,
    onStateChanged: ({ configString, mask, reservation }) => {
      if (mask.length + reservation.length === 0) return;
      setImmediate(() =>
        target.replaceState({ configString, mask: [], reservation: [] })
      );
    },
  });
  return target;
}

/** What every response has to be, whatever the request was. */
function requireWellFormed(frame: Uint8Array, length: number): void {
  const address = `${frame[16]! << 8 | frame[17]!}.${frame[18]}`;
  const flags = frame[14]!;
  const isError = flags === 0x1c;
  const isRight = length >= 60 && (flags === 0x18 || isError) &&
    isError === (frame[15] !== 0) && frame[15]! <= 6 &&
    OUR_ADDRESSES.has(address) &&
    // An ATA failure has no data, and ERR is the bit that all look at.
    (isError || frame[19] !== 0 || frame[27] === 0x40 ||
      (frame[27] === 0x41 && length === 60));
  if (isRight) return;
  throw new Error(`malformed answer ${frame.slice(0, length).toHex()}`);
}

/** Sends from `far` what arrives at `near` as short as it was sent, as on lo. */
class UnpaddedSender {
  readonly #far: Link;
  readonly #lengths: number[] = [];

  constructor(near: Link, far: Link) {
    this.#far = far;
    const drain = near.drain.bind(near);
    near.drain = (handler, frameCountMax) =>
      drain(
        (frame) => handler(frame, this.#lengths.shift()!),
        frameCountMax,
      );
  }

  send(frame: Uint8Array, length: number): void {
    this.#lengths.push(length);
    this.#far.send(frame, length);
  }

  sendWhole(frame: Uint8Array): void {
    this.send(frame, frame.length);
  }
}

/** Memory in use after a garbage collection, where one can be asked for. */
function usedBytes(): number | undefined {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return undefined;
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

if (import.meta.main) {
  const [frameCount = "10000000", seed = "1"] = Deno.args;
  const start = performance.now();
  const report = await fuzzServer(Number(seed), Number(frameCount));
  const seconds = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ ...report, seconds: Math.round(seconds) }));
}
