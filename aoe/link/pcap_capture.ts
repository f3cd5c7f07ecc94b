/**
 * Opens and sets up a libpcap handle.
 *
 * @module
 */

import * as failure from "./pcap_error.ts";
import { copyCString, interfaceNames } from "./pcap_interface.ts";
import * as structs from "./pcap_structs.ts";
import type { Calls } from "./pcap_symbols.ts";

/** The ethertype of AoE (AoEr11 section 2). */
export const ETHERTYPE_AOE = 0x88a2;

/**
 * What the kernel lets through. The odd index is how a filter asks Linux for
 * the kind of packet, and 3 is one for another host: so it marks frames that a
 * bridge floods, and those of a VLAN that this host has no interface for, whose
 * tag it has removed. Without this, a host of that VLAN could write to us.
 */
const FILTER = `ether proto ${ETHERTYPE_AOE} and ether[0xfffff004] != 3`;

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/** How much of a frame to capture, and how many to hold. */
export interface CaptureOptions {
  /** Longest frame; longer ones are cut. */
  readonly frameLengthMax: number;
  /** Kernel memory for frames that were not drained yet. */
  readonly bufferBytes: number;
}

/**
 * Opens a capture of AoE frames that arrive at the interface `name`.
 *
 * @returns libpcap's handle; the caller closes it
 * @throws {LinkError} `interface-*`, `capability` or `capture`
 */
export function openCapture(
  calls: Calls,
  name: string,
  options: CaptureOptions,
): bigint {
  const text = new Uint8Array(structs.PCAP_ERROR_TEXT_LENGTH);
  const handle = calls.pcap_create(structs.encodeCString(name), text);
  if (handle === 0n) {
    const reason = structs.decodeCString(text);
    throw failure.captureRefused(name, "pcap_create", reason);
  }
  try {
    calls.pcap_set_snaplen(handle, options.frameLengthMax);
    calls.pcap_set_promisc(handle, 0);
    calls.pcap_set_immediate_mode(handle, 1);
    calls.pcap_set_buffer_size(handle, options.bufferBytes);
    // Without this the kernel clones every frame we send into the capture.
    calls.pcap_set_protocol_linux?.(handle, ETHERTYPE_AOE);
    checkActivated(calls, name, handle);
    check(calls, name, handle, {
      step: "pcap_setnonblock",
      result: calls.pcap_setnonblock(handle, 1, text),
    });
    check(calls, name, handle, {
      step: "pcap_setdirection",
      result: calls.pcap_setdirection(handle, structs.PCAP_D_IN),
    });
    attachFilter(calls, name, handle);
  } catch (error) {
    calls.pcap_close(handle);
    throw error;
  }
  return handle;
}

/**
 * Compiles the filter and gives it to the kernel. Not by `pcap_setfilter`,
 * which also applies it to the first frames itself, and there it cannot see
 * what kind a packet is and drops them.
 */
function attachFilter(calls: Calls, name: string, handle: bigint): void {
  // Linux's sock_fprog is laid out like libpcap's bpf_program.
  const program = new Uint8Array(structs.BPF_PROGRAM_LENGTH);
  const filter = structs.encodeCString(FILTER);
  check(calls, name, handle, {
    step: "pcap_compile",
    result: calls.pcap_compile(handle, program, filter, 1, 0),
  });
  const fd = calls.pcap_get_selectable_fd(handle);
  const result = calls.setsockopt(
    fd,
    SOL_SOCKET,
    SO_ATTACH_FILTER,
    program,
    program.length,
  );
  calls.pcap_freecode(program);
  check(calls, name, handle, { step: "setsockopt(SO_ATTACH_FILTER)", result });
  // What came before the filter did has not been filtered.
  const address = new BigUint64Array(1);
  while (calls.pcap_next_ex(handle, address, address) === 1);
}

function check(
  calls: Calls,
  name: string,
  handle: bigint,
  outcome: { readonly step: string; readonly result: number },
): void {
  if (outcome.result >= 0) return;
  const reason = copyCString(calls, calls.pcap_geterr(handle));
  throw failure.captureRefused(name, outcome.step, reason);
}

function checkActivated(calls: Calls, name: string, handle: bigint): void {
  const result = calls.pcap_activate(handle);
  const reason = copyCString(calls, calls.pcap_geterr(handle));
  switch (result) {
    case structs.PCAP_ERROR_NO_SUCH_DEVICE:
      throw failure.interfaceMissing(name, interfaceNames(calls));
    case structs.PCAP_ERROR_IFACE_NOT_UP:
      throw failure.interfaceDown(name);
    case structs.PCAP_ERROR_PERM_DENIED:
      throw failure.capabilityMissing(name, reason);
  }
  if (result < 0) throw failure.captureRefused(name, "pcap_activate", reason);
  const kind = calls.pcap_datalink(handle);
  if (kind !== structs.DLT_EN10MB) {
    throw failure.interfaceKind(name, `its link type is ${kind}`);
  }
}
