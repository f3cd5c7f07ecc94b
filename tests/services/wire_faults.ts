/** Faults of a service and of the network to it, for a scripted server. */

import type {
  Script,
  ScriptedReply,
  ScriptedRequest,
} from "./scripted_server.ts";

/** How often what goes wrong with a request: chances from 0 to 1. */
export interface WireFaultChances {
  /** Nothing was done, and the answer says so (503), or none comes. */
  readonly before: number;
  /** It was done, and the answer says otherwise, or none comes. */
  readonly after: number;
  /** The answer breaks off. */
  readonly truncated: number;
  /** It takes up to `slowMsMax`. */
  readonly slow: number;
  /** The longest that a slow request is held up. */
  readonly slowMsMax: number;
}

const BUSY: ScriptedReply = {
  status: 503,
  body: "<Error><Code>SlowDown</Code></Error>",
};

/** Faults by chance around what answers requests. */
export class WireFaults {
  /** Requests with which something went wrong. */
  count = 0;
  readonly #perform: Script;
  readonly #chances: WireFaultChances;
  readonly #random: () => number;

  /** `random` answers numbers from 0 up to, not with, 1. */
  constructor(
    perform: Script,
    chances: WireFaultChances,
    random: () => number,
  ) {
    this.#perform = perform;
    this.#chances = chances;
    this.#random = random;
  }

  /** Answers a request, or does what is worse. */
  async answer(request: ScriptedRequest): Promise<ScriptedReply> {
    const { before, after, truncated, slow, slowMsMax } = this.#chances;
    const roll = this.#random();
    if (this.#random() < slow) {
      const slowMs = this.#random() * slowMsMax;
      await new Promise((resolve) => setTimeout(resolve, slowMs));
    }
    if (roll < before) return this.#refuse();
    const reply = await this.#perform(request);
    if (roll < before + after) return this.#refuse();
    return roll < before + after + truncated ? this.#truncate(reply) : reply;
  }

  #refuse(): ScriptedReply {
    this.count++;
    return this.#random() < 0.5 ? BUSY : "hang up";
  }

  #truncate(reply: ScriptedReply): ScriptedReply {
    if (typeof reply === "string" || !reply.body) return reply;
    this.count++;
    const bytesSent = Math.floor(this.#random() * reply.body.length);
    return { ...reply, bytesSent };
  }
}
