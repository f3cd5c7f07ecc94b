/**
 * What Linux says of its network interfaces, with or without an IP address:
 * `Deno.networkInterfaces()` knows neither those without one, nor any MTU.
 *
 * @module
 */

import { interfaceKind, interfaceMissing } from "./pcap_error.ts";
import * as structs from "./pcap_structs.ts";
import type { Calls } from "./pcap_symbols.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const IF_NAMEINDEX_LENGTH: number = 4 + 4 + 8;
const IF_NAMEINDEX_NAME = 8;

/** What the system says of an interface. */
export interface InterfaceFacts {
  /** The system's number for it: another when it is made anew. */
  readonly index: number;
  /** The address, 6 bytes. */
  readonly mac: Uint8Array;
  /** Bytes of payload behind the Ethernet header. */
  readonly mtu: number;
  /** Whether it was switched on; a cable may still be missing. */
  readonly isUp: boolean;
  /** Whether a cable leads somewhere. */
  readonly hasCarrier: boolean;
}

/** Copies the C string at `address`; the empty text for a null pointer. */
export function copyCString(calls: Calls, address: bigint): string {
  if (address === 0n) return "";
  const bytes = new Uint8Array(Number(calls.strlen(address)));
  if (bytes.length > 0) calls.memcpy(bytes, address, BigInt(bytes.length));
  return structs.decodeCString(bytes);
}

/** The names of all interfaces of this network namespace, up or down. */
export function interfaceNames(calls: Calls): string[] {
  const list = calls.listInterfaces();
  if (list === 0n) return [];
  const names: string[] = [];
  const entry = new Uint8Array(IF_NAMEINDEX_LENGTH);
  const view = new DataView(entry.buffer);
  for (let at = list;; at += BigInt(IF_NAMEINDEX_LENGTH)) {
    calls.memcpy(entry, at, BigInt(IF_NAMEINDEX_LENGTH));
    const name = view.getBigUint64(IF_NAMEINDEX_NAME, true);
    if (name === 0n) break;
    names.push(copyCString(calls, name));
  }
  calls.freeInterfaces(list);
  return names;
}

/** Whether there is such an interface, up or down. */
export function interfaceExists(calls: Calls, name: string): boolean {
  return ask(calls, name, structs.InterfaceRequest.Flags) !== undefined;
}

/**
 * Asks for address, MTU and state.
 *
 * @throws {LinkError} `interface-missing`, or `interface-kind` when it is none
 * of Ethernet's.
 */
export function interfaceFacts(
  calls: Calls,
  name: string,
): InterfaceFacts {
  const { Flags, HardwareAddress, Index, Mtu } = structs.InterfaceRequest;
  const index = ask(calls, name, Index);
  const flags = ask(calls, name, Flags);
  const address = ask(calls, name, HardwareAddress);
  const mtu = ask(calls, name, Mtu);
  if (!index || !flags || !address || !mtu) {
    throw interfaceMissing(name, interfaceNames(calls));
  }
  const kind = structs.decodeForeignKind(address);
  if (kind !== undefined) {
    throw interfaceKind(name, `its ARP hardware type is ${kind}`);
  }
  return {
    index: structs.decodeIndex(index),
    mac: structs.decodeMac(address),
    mtu: structs.decodeMtu(mtu),
    isUp: structs.decodeIsUp(flags),
    hasCarrier: structs.decodeHasCarrier(flags),
  };
}

/** The filled `ifreq`, or undefined when the interface is not there. */
function ask(
  calls: Calls,
  name: string,
  request: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (name.length > structs.INTERFACE_NAME_LENGTH_MAX) return undefined;
  const fd = calls.socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return undefined;
  const answer = structs.encodeInterfaceRequest(name);
  const result = calls.ioctl(fd, BigInt(request), answer);
  calls.close(fd);
  return result < 0 ? undefined : answer;
}
