/**
 * A link whose MTU and address the test changes.
 *
 * @module
 */

import type { FrameHandler, Link, LinkStatistics } from "../../aoe/mod.ts";

export class ChangingLink implements Link {
  readonly name: string;
  mac: Uint8Array;
  mtu: number;
  readonly #link: Link;
  #listener: () => void = () => {};

  constructor(link: Link) {
    this.#link = link;
    this.name = link.name;
    this.mac = link.mac;
    this.mtu = link.mtu;
  }

  get statistics(): LinkStatistics {
    return this.#link.statistics;
  }

  get closed(): boolean {
    return this.#link.closed;
  }

  wait(): Promise<void> {
    return this.#link.wait();
  }

  drain(handler: FrameHandler, frameCountMax: number): number {
    return this.#link.drain(handler, frameCountMax);
  }

  send(frame: Uint8Array, length: number): boolean {
    return this.#link.send(frame, length);
  }

  flush(): void {
    this.#link.flush();
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#link.close();
  }

  /** Tells the server that something is different. */
  change(facts: { mtu?: number; mac?: Uint8Array } = {}): void {
    this.mtu = facts.mtu ?? this.mtu;
    this.mac = facts.mac ?? this.mac;
    this.#listener();
  }
}
