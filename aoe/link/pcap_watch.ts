/**
 * Which network interfaces this machine has, and how they are.
 *
 * @module
 */

import { LinkError } from "./pcap_error.ts";
import {
  type InterfaceFacts,
  interfaceFacts,
  interfaceNames,
} from "./pcap_interface.ts";
import {
  openPcapLibrary,
  type PcapLibrary,
  type PcapLibraryOptions,
} from "./pcap_library.ts";

/** The names of all network interfaces here, with or without an address. */
export function listInterfaces(options: PcapLibraryOptions = {}): string[] {
  const library = openPcapLibrary(options);
  try {
    return interfaceNames(library.symbols);
  } finally {
    library.close();
  }
}

/**
 * Looks again and again which interfaces there are, and how they are. It keeps the library open,
 * since loading it takes 25 ms, which is too long beside a frame loop.
 */
export class InterfaceWatch {
  readonly #library: PcapLibrary;

  /** @throws {LinkError} `library` or `ffi-permission`. */
  constructor(options: PcapLibraryOptions = {}) {
    this.#library = openPcapLibrary(options);
  }

  /** The names of all interfaces. */
  names(): string[] {
    return interfaceNames(this.#library.symbols);
  }

  /** An interface as it is now; undefined when it is no Ethernet interface, or not there. */
  facts(name: string): InterfaceFacts | undefined {
    try {
      return interfaceFacts(this.#library.symbols, name);
    } catch (error) {
      if (error instanceof LinkError) return undefined;
      throw error;
    }
  }

  /** Lets go of the library. */
  close(): void {
    this.#library.close();
  }
}
