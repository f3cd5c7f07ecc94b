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
    const program = new Uint8Array(structs.BPF_PROGRAM_LENGTH);
    const filter = structs.encodeCString(`ether proto ${ETHERTYPE_AOE}`);
    const steps: [string, () => number][] = [
      ["pcap_setnonblock", () => calls.pcap_setnonblock(handle, 1, text)],
      [
        "pcap_compile",
        () => calls.pcap_compile(handle, program, filter, 1, 0),
      ],
      ["pcap_setfilter", () => calls.pcap_setfilter(handle, program)],
      [
        "pcap_setdirection",
        () => calls.pcap_setdirection(handle, structs.PCAP_D_IN),
      ],
    ];
    for (const [step, run] of steps) {
      if (run() < 0) {
        const reason = copyCString(calls, calls.pcap_geterr(handle));
        throw failure.captureRefused(name, step, reason);
      }
    }
    calls.pcap_freecode(program);
  } catch (error) {
    calls.pcap_close(handle);
    throw error;
  }
  return handle;
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
