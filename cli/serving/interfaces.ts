/**
 * The network interfaces of a server: those that were named and those that fit
 * a pattern, opened when they are there, and again when they return or become
 * others. A new link is advertised on, so initiators learn of all of this.
 *
 * @module
 */

import type { Link } from "../../aoe/link/link.ts";
import { LinkError } from "../../aoe/link/pcap_error.ts";
import type { InterfaceFacts } from "../../aoe/link/pcap_interface.ts";
import { sectorCountForMtu } from "../../aoe/port.ts";
import type { EventSink } from "../../cas/events.ts";
import { interfaceDifferences, isSameInterface } from "./interface_change.ts";

/** Failures that are a matter of the interface and may pass. */
const PASSING: ReadonlySet<string> = new Set([
  "interface-missing",
  "interface-down",
]);

/** So many looks after one could not be opened it is tried again: memory may have lacked. */
const RETRY_LOOKS = 60;

/** Where interfaces come from and go to. */
export interface InterfacesOptions {
  /** Names, and patterns with `*` and `?`. */
  readonly wishes: readonly string[];
  /** The names of all interfaces of this machine. Called often: quick. */
  readonly names: () => string[];
  /** One of them; undefined when it is gone, or of another kind. Called often: quick. */
  readonly look: (name: string) => InterfaceFacts | undefined;
  /** Opens one. Throws a `LinkError`. */
  readonly open: (name: string) => Link;
  /** Serves on one. Throws a `RangeError` when its MTU is too small. */
  readonly use: (link: Link) => void;
  /** Serves on one no more, and closes it. */
  readonly drop: (link: Link) => void;
  /** Tells initiators of everything anew. */
  readonly advertise: () => void;
  /** Calls back again and again, a second or so apart; the function returned ends that. */
  readonly repeat: (look: () => void) => () => void;
  /** Takes events. */
  readonly onEvent: EventSink;
}

/** An interface that is served on. */
interface Used {
  readonly link: Link;
  /** How it was, before the link was opened; undefined when nothing was known. */
  state: InterfaceFacts | undefined;
}

interface Unusable {
  /** How it was when it could not be opened. */
  readonly state: InterfaceFacts | undefined;
  /** How often it was looked at since. */
  looks: number;
}

/** The interfaces of a server. */
export class Interfaces {
  readonly #options: InterfacesOptions;
  readonly #patterns: readonly RegExp[];
  readonly #names: readonly string[];
  readonly #used: Map<string, Used> = new Map();
  /** Interfaces that were reported as unusable, and why; told once. */
  readonly #reported: Map<string, string> = new Map();
  /** Those that are up and cannot be opened: opening takes long, so not again until they change, or a while later. */
  readonly #unusable: Map<string, Unusable> = new Map();
  #stop: (() => void) | undefined;

  /** Opens nothing yet. */
  constructor(options: InterfacesOptions) {
    this.#options = options;
    this.#names = options.wishes.filter((wish) => !isPattern(wish));
    this.#patterns = options.wishes.filter(isPattern).map(toRegExp);
  }

  /** Names of the interfaces that are served on. */
  get open(): string[] {
    return [...this.#used].filter(([, { link }]) => !link.closed)
      .map(([name]) => name);
  }

  /**
   * Opens what is there, and looks for the rest, and for changes, from now on.
   * Throws the `LinkError` of the first name when none can be opened and no
   * pattern may still find one, and any that does not pass by itself.
   */
  start(): void {
    const failures = this.#openFirst();
    const none = this.#used.size === 0;
    const [first] = failures.values();
    if (none && this.#patterns.length === 0 && first !== undefined) throw first;
    for (const [name, { message }] of failures) {
      this.#report(name, `${message}; it is used when it is there`);
    }
    if (none) {
      this.#options.onEvent({
        event: "no-interface",
        severity: "strange",
        message: `No interface fits ${
          this.#options.wishes.join(", ")
        } yet: waiting for one (ip link lists them)`,
      });
    }
    this.#stop = this.#options.repeat(() => this.#lookAgain());
  }

  /** Looks no more. The links belong to whoever uses them. */
  stop(): void {
    this.#stop?.();
  }

  #lookAgain(): void {
    for (const [name, used] of this.#used) {
      if (!used.link.closed) this.#follow(name, used);
    }
    for (const [name, unusable] of this.#unusable) {
      const isOver = ++unusable.looks >= RETRY_LOOKS;
      if (isOver || !this.#options.look(name)?.isUp) {
        this.#unusable.delete(name);
      }
    }
    for (const name of this.#candidates()) {
      const state = this.#options.look(name);
      if (!state?.isUp || this.#isUnusable(name, state)) continue;
      this.#tryAgain(name, state);
    }
  }

  /**
   * A link is bound to the interface that it was opened on, with its address
   * and MTU: when any of them is another, so has to be the link.
   */
  #follow(name: string, used: Used): void {
    const { look, drop, advertise, onEvent } = this.#options;
    const state = look(name);
    if (state?.isUp && isSameInterface(state, used.state)) {
      const isBack = state.hasCarrier && used.state?.hasCarrier === false;
      used.state = state;
      if (!isBack) return;
      advertise();
      onEvent({
        event: "link-changed",
        severity: "info",
        message: `Interface ${name} has its carrier back`,
        interface: name,
        mtu: state.mtu,
      });
      return;
    }
    drop(used.link);
    this.#used.delete(name);
    if (state?.isUp) {
      onEvent({
        event: "link-changed",
        severity: "info",
        message: `Interface ${name} is another than before: ${
          interfaceDifferences(used.state, state)
        }`,
        interface: name,
        mtu: state.mtu,
      });
      return this.#tryAgain(name, state);
    }
    onEvent({
      event: "link-lost",
      severity: "strange",
      message: `Interface ${name} is ${
        state === undefined ? "gone" : "down"
      }: serving on it again when it is up`,
      interface: name,
    });
  }

  /** Names that are wished for and not served on. */
  #candidates(): string[] {
    // To list all takes long where there are many: not for nothing.
    const all = this.#patterns.length === 0
      ? this.#names
      : this.#options.names();
    return all.filter((name) => this.#isWished(name) && !this.#isOpen(name));
  }

  #isUnusable(name: string, state: InterfaceFacts): boolean {
    return this.#unusable.has(name) &&
      isSameInterface(state, this.#unusable.get(name)?.state);
  }

  #tryAgain(name: string, state: InterfaceFacts): void {
    try {
      this.#open(name, state);
    } catch (error) {
      // One that was down for a moment may be up again, and as it was before.
      if (!isPassing(error)) this.#unusable.set(name, { state, looks: 0 });
      this.#report(name, `Not served on: ${(error as Error).message}`);
    }
  }

  /** Opens what is there; of those named the failures that may pass. */
  #openFirst(): Map<string, LinkError> {
    const failures = new Map<string, LinkError>();
    for (const name of this.#names) {
      const failure = this.#tryNamed(name);
      if (failure !== undefined) failures.set(name, failure);
    }
    for (const name of this.#candidates()) {
      if (!this.#names.includes(name)) this.#tryFound(name);
    }
    return failures;
  }

  #isWished(name: string): boolean {
    return this.#names.includes(name) ||
      this.#patterns.some((pattern) => pattern.test(name));
  }

  #tryNamed(name: string): LinkError | undefined {
    try {
      this.#open(name, this.#options.look(name));
    } catch (error) {
      if (!isPassing(error)) throw error;
      return error;
    }
    return undefined;
  }

  /** One that fits a pattern was not asked for by name: it may be of another kind. */
  #tryFound(name: string): void {
    const state = this.#options.look(name);
    try {
      this.#open(name, state);
    } catch (error) {
      const isOther = error instanceof LinkError &&
        error.code === "interface-kind";
      if (isOther || error instanceof RangeError) {
        this.#unusable.set(name, { state, looks: 0 });
        this.#report(name, `Not served on: ${error.message}`);
      } else if (!isPassing(error)) throw error;
    }
  }

  /** `state` was read before: what changes from now on is seen as a change. */
  #open(name: string, state: InterfaceFacts | undefined): void {
    const link = this.#options.open(name);
    try {
      this.#options.use(link);
    } catch (error) {
      link.close();
      throw error;
    }
    const wasReported = this.#reported.delete(name);
    this.#unusable.delete(name);
    this.#used.set(name, { link, state });
    if (this.#stop === undefined && !wasReported) return;
    const sectorCountMax = sectorCountForMtu(link.mtu);
    this.#options.onEvent({
      event: "link-added",
      severity: "info",
      message:
        `Now serving on ${name}, MTU ${link.mtu}: ${sectorCountMax} sectors a request at most`,
      interface: name,
      mtu: link.mtu,
      sectorCountMax,
    });
  }

  #isOpen(name: string): boolean {
    return this.#used.get(name)?.link.closed === false;
  }

  #report(name: string, message: string): void {
    if (this.#reported.get(name) === message) return;
    this.#reported.set(name, message);
    this.#options.onEvent({
      event: "link-missing",
      severity: "strange",
      message,
      interface: name,
    });
  }
}

function isPassing(error: unknown): error is LinkError {
  return error instanceof LinkError && PASSING.has(error.code);
}

function isPattern(wish: string): boolean {
  return /[*?]/.test(wish);
}

function toRegExp(pattern: string): RegExp {
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${source}$`);
}
