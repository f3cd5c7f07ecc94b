/**
 * The load generator: keeps a number of AoE requests outstanding on a link and
 * matches the replies by tag. It speaks the wire by itself, on purpose: it
 * measures the server beside other servers, with as little as can be between.
 *
 * @module
 */

import type { Link } from "../aoe/link/link.ts";
import { Latencies } from "../cli/output/latencies.ts";
import * as frames from "./load_frames.ts";
import type { Load, TargetAddress } from "./load_request.ts";

/** What came of a load. */
export interface LoadOutcome {
  /** Requests that were answered well. */
  readonly requests: number;
  /** From the first request to the last reply. */
  readonly elapsedMs: number;
  /** Half of the requests took less. */
  readonly medianUs: number;
  /** One of a hundred took longer. */
  readonly p99Us: number;
  /** One of a thousand took longer. */
  readonly p999Us: number;
  /** The slowest of the newest million. */
  readonly slowestUs: number;
  /** Requests sent again because no reply came within `RESEND_MS`. */
  readonly resent: number;
}

/** Stands before what the MTU counts. */
const ETHERNET_HEADER_LENGTH = 14;

/** No reply for so long: the frame is taken for lost. */
const RESEND_MS = 1000;

/** Replies taken between two sends of what they allow. */
const DRAIN_MAX = 64;

/**
 * Asks for a target until it answers, for up to `timeoutMs`.
 *
 * @returns its address on the network
 * @throws {Error} when it does not answer in time
 */
export async function findTarget(
  link: Link,
  target: TargetAddress,
  timeoutMs: number,
): Promise<Uint8Array> {
  const query = frames.encodeQuery(link.mac, target);
  const deadline = performance.now() + timeoutMs;
  let found: Uint8Array | undefined;
  while (found === undefined && performance.now() < deadline) {
    link.send(query, query.length);
    link.flush();
    await new Promise((resolve) => setTimeout(resolve, 20));
    link.drain((frame) => {
      if (frames.isQueryReply(frame, target)) {
        found = frame.slice(frames.SOURCE_OFFSET, frames.SOURCE_OFFSET + 6);
      }
    }, DRAIN_MAX);
  }
  if (found !== undefined) return found;
  throw new Error(
    `No answer from target ${target.shelf}.${target.slot} on ${link.name} ` +
      `within ${timeoutMs} ms. Type: tcpdump -e -i ${link.name} ether proto 0x88a2`,
  );
}

/**
 * Runs one load against the target at `mac`.
 *
 * @throws {Error} when a reply says that a request failed, or a request does
 *   not fit a frame of the link
 */
export async function runLoad(
  link: Link,
  target: TargetAddress,
  mac: Uint8Array,
  load: Load,
): Promise<LoadOutcome> {
  const window = new Window(link, target, mac, load);
  const start = performance.now();
  window.fill();
  while (window.outstanding > 0) {
    await link.wait();
    while (link.drain(window.onFrame, DRAIN_MAX) === DRAIN_MAX) link.flush();
    link.flush();
    window.isOver ||= performance.now() - start >= load.durationMs;
  }
  window.close();
  const elapsedMs = performance.now() - start;
  if (window.failure !== undefined) throw new Error(window.failure);
  const [medianMs = 0, p99Ms = 0, p999Ms = 0, slowestMs = 0] = window.latencies
    .percentilesMs([0.5, 0.99, 0.999, 1]);
  return {
    requests: window.latencies.count,
    elapsedMs,
    medianUs: medianMs * 1000,
    p99Us: p99Ms * 1000,
    p999Us: p999Ms * 1000,
    slowestUs: slowestMs * 1000,
    resent: window.resent,
  };
}

/** The requests on the way: slot i holds the one whose tag ends in i. */
class Window {
  outstanding = 0;
  resent = 0;
  isOver = false;
  failure: string | undefined;
  readonly latencies: Latencies = new Latencies();

  readonly #link: Link;
  readonly #load: Load;
  readonly #requests: Uint8Array[];
  readonly #tags: Uint32Array<ArrayBuffer>;
  readonly #sentAtMs: Float64Array<ArrayBuffer>;
  readonly #resender: ReturnType<typeof setInterval>;
  #sequence = 0;

  constructor(link: Link, target: TargetAddress, mac: Uint8Array, load: Load) {
    this.#link = link;
    this.#load = load;
    this.#requests = Array.from(
      { length: load.outstanding },
      (_, slot) =>
        frames.encodeRequest({ source: link.mac, mac, target, load, slot }),
    );
    const length = this.#requests[0]?.length ?? 0;
    if (length > link.mtu + ETHERNET_HEADER_LENGTH) {
      throw new Error(`A request of ${length} bytes exceeds MTU ${link.mtu}`);
    }
    this.#tags = new Uint32Array(load.outstanding);
    this.#sentAtMs = new Float64Array(load.outstanding);
    this.#resender = setInterval(() => this.#resendLost(), RESEND_MS / 4);
  }

  fill(): void {
    for (let slot = 0; slot < this.#load.outstanding; slot++) {
      if (!this.isOver) this.#next(slot, performance.now());
    }
    this.#link.flush();
  }

  close(): void {
    clearInterval(this.#resender);
  }

  /** Takes a reply, and sends the next request in its place. */
  readonly onFrame = (frame: Uint8Array): void => {
    if (!frames.isResponse(frame)) return;
    const tag = frames.tagOf(frame);
    const slot = tag % this.#load.outstanding;
    if (this.#tags[slot] !== tag) return;
    this.failure ??= frames.failureOf(frame);
    const now = performance.now();
    this.latencies.add(now - (this.#sentAtMs[slot] ?? 0));
    this.outstanding--;
    this.#tags[slot] = 0;
    if (!this.isOver && this.failure === undefined) this.#next(slot, now);
  };

  #next(slot: number, now: number): void {
    const { order, outstanding, regionSectors, sectorsPerRequest } = this.#load;
    const places = Math.floor(regionSectors / sectorsPerRequest);
    this.#sequence++;
    this.isOver ||= this.#sequence >= (this.#load.requestsMax ?? Infinity);
    const place = order === "sequential"
      ? this.#sequence % places
      : Math.floor(Math.random() * places);
    const request = this.#requests[slot] as Uint8Array;
    // The sequence makes tags unique, the remainder names the slot; above 0,
    // and below 2^31, which Linux leaves to programs like this one.
    const tag = (this.#sequence % 0x1000000 + 1) * outstanding + slot;
    this.#tags[slot] = tag;
    const { distinctRequests } = this.#load;
    const content = distinctRequests === undefined
      ? tag
      : this.#sequence % distinctRequests;
    frames.stamp(request, tag, place * sectorsPerRequest, content);
    this.outstanding++;
    this.#sentAtMs[slot] = now;
    this.#link.send(request, request.length);
  }

  #resendLost(): void {
    const now = performance.now();
    for (let slot = 0; slot < this.#load.outstanding; slot++) {
      const isWaiting = (this.#tags[slot] ?? 0) !== 0;
      if (!isWaiting || now - (this.#sentAtMs[slot] ?? 0) < RESEND_MS) continue;
      const request = this.#requests[slot] as Uint8Array;
      this.resent++;
      this.#sentAtMs[slot] = now;
      this.#link.send(request, request.length);
    }
    this.#link.flush();
  }
}
