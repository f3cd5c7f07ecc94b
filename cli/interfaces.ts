/**
 * The network interfaces of a server: those that were named and those that fit
 * a pattern, opened when they are there, and again when they return.
 *
 * @module
 */

import type { Link } from "../aoe/link/link.ts";
import { LinkError } from "../aoe/link/pcap_error.ts";
import type { EventSink } from "../cas/events.ts";

/** Failures that are a matter of the interface and may pass. */
const PASSING: ReadonlySet<string> = new Set([
  "interface-missing",
  "interface-down",
]);

/** Where interfaces come from and go to. */
export interface InterfacesOptions {
  /** Names, and patterns with `*` and `?`. */
  readonly wishes: readonly string[];
  /** The names of the interfaces of this machine that are up. Called often: quick. */
  readonly list: () => string[];
  /** Opens one. Throws a `LinkError`. */
  readonly open: (name: string) => Link;
  /** Serves on one. Throws a `RangeError` when its MTU is too small. */
  readonly use: (link: Link) => void;
  /** Calls back again and again, a second or so apart; the function returned ends that. */
  readonly repeat: (look: () => void) => () => void;
  /** Takes events. */
  readonly onEvent: EventSink;
}

/** The interfaces of a server. */
export class Interfaces {
  readonly #options: InterfacesOptions;
  readonly #patterns: readonly RegExp[];
  readonly #names: readonly string[];
  readonly #links: Map<string, Link> = new Map();
  /** Interfaces that were reported as unusable, and why; told once. */
  readonly #reported: Map<string, string> = new Map();
  /** Those that are up and cannot be opened: opening takes long, so not again until they go. */
  readonly #unusable: Set<string> = new Set();
  #stop: (() => void) | undefined;

  /** Opens nothing yet. */
  constructor(options: InterfacesOptions) {
    this.#options = options;
    this.#names = options.wishes.filter((wish) => !isPattern(wish));
    this.#patterns = options.wishes.filter(isPattern).map(toRegExp);
  }

  /** Names of the interfaces that are served on. */
  get open(): string[] {
    return [...this.#links].filter(([, { closed }]) => !closed)
      .map(([name]) => name);
  }

  /**
   * Opens what is there, and looks for the rest from now on. Throws the
   * `LinkError` of the first name when none can be opened and no pattern may
   * still find one, and any that does not pass by itself.
   */
  start(): void {
    const failure = this.#openFirst();
    const none = this.#links.size === 0;
    if (none && this.#patterns.length === 0 && failure !== undefined) {
      throw failure;
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
    const isComplete = this.#patterns.length === 0 &&
      this.#names.every((name) => this.#isOpen(name));
    if (isComplete) return;
    const present = this.#options.list();
    for (const name of this.#unusable) {
      if (!present.includes(name)) this.#unusable.delete(name);
    }
    for (const name of present) {
      if (!this.#isWished(name) || this.#isOpen(name)) continue;
      if (this.#unusable.has(name)) continue;
      try {
        this.#open(name);
      } catch (error) {
        this.#unusable.add(name);
        this.#report(name, `Not served on: ${(error as Error).message}`);
      }
    }
  }

  /** Opens what is there; the first failure that may pass. */
  #openFirst(): LinkError | undefined {
    let failure: LinkError | undefined;
    for (const name of this.#names) {
      const refusal = this.#tryNamed(name);
      failure ??= refusal;
    }
    if (this.#patterns.length === 0) return failure;
    for (const name of this.#options.list()) {
      if (!this.#isOpen(name) && this.#isWished(name)) this.#tryFound(name);
    }
    return failure;
  }

  #isWished(name: string): boolean {
    return this.#names.includes(name) ||
      this.#patterns.some((pattern) => pattern.test(name));
  }

  #tryNamed(name: string): LinkError | undefined {
    try {
      this.#open(name);
    } catch (error) {
      if (!(error instanceof LinkError) || !PASSING.has(error.code)) {
        throw error;
      }
      this.#report(name, `${error.message}; it is used when it is there`);
      return error;
    }
    return undefined;
  }

  /** One that fits a pattern was not asked for by name: it may be of another kind. */
  #tryFound(name: string): void {
    try {
      this.#open(name);
    } catch (error) {
      const passes = error instanceof LinkError && PASSING.has(error.code);
      const isOther = error instanceof LinkError &&
        error.code === "interface-kind";
      if (isOther || error instanceof RangeError) {
        this.#unusable.add(name);
        this.#report(name, `Not served on: ${error.message}`);
      } else if (!passes) throw error;
    }
  }

  #open(name: string): void {
    const link = this.#options.open(name);
    try {
      this.#options.use(link);
    } catch (error) {
      link.close();
      throw error;
    }
    const isBack = this.#links.has(name) || this.#reported.has(name);
    this.#links.set(name, link);
    this.#reported.delete(name);
    if (isBack || this.#stop !== undefined) {
      this.#options.onEvent({
        event: "link-added",
        severity: "info",
        message: `Now serving on ${name}`,
        interface: name,
        mtu: link.mtu,
      });
    }
  }

  #isOpen(name: string): boolean {
    return this.#links.get(name)?.closed === false;
  }

  #report(name: string, message: string): void {
    if (this.#reported.get(name) === message) return;
    this.#reported.set(name, message);
    this.#options.onEvent({
      event: "link-missing",
      severity: "strange",
      message,
      ...(name === "" ? {} : { interface: name }),
    });
  }
}

function isPattern(wish: string): boolean {
  return /[*?]/.test(wish);
}

function toRegExp(pattern: string): RegExp {
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${source}$`);
}
