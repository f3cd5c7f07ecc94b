/**
 * The C structures that the link hands to libpcap and to Linux, as bytes.
 * All are of the 64-bit Linux ABI, which Deno needs anyway.
 *
 * @module
 */

/** `struct pcap_pkthdr`: two 8-byte words of time, then two lengths. */
export const CAPTURE_HEADER_LENGTH: number = 8 + 8 + 4 + 4;
/** Index of `caplen` in a capture header seen as 32-bit words. */
export const CAPTURE_HEADER_CAPTURED: number = 16 / 4;
/** Index of `len` in a capture header seen as 32-bit words. */
export const CAPTURE_HEADER_LENGTH_ON_WIRE: number = 20 / 4;

/** Bytes of the text buffer that libpcap's functions fill on errors. */
export const PCAP_ERROR_TEXT_LENGTH = 256;
/** `struct bpf_program`: a count, padding, a pointer. */
export const BPF_PROGRAM_LENGTH: number = 4 + 4 + 8;
/** `struct pcap_stat`: received, dropped, dropped by the interface. */
export const PCAP_STAT_LENGTH: number = 4 + 4 + 4;
/** Index of `ps_drop` in a pcap_stat seen as 32-bit words. */
export const PCAP_STAT_DROPPED = 1;

/** `pcap_activate`: there is no such interface. */
export const PCAP_ERROR_NO_SUCH_DEVICE = -5;
/** `pcap_activate`: the process may not capture. */
export const PCAP_ERROR_PERM_DENIED = -8;
/** `pcap_activate`: the interface is down. */
export const PCAP_ERROR_IFACE_NOT_UP = -9;
/** `pcap_setdirection`: frames that arrive, not those that leave. */
export const PCAP_D_IN = 1;
/** `pcap_datalink`: Ethernet headers. */
export const DLT_EN10MB = 1;

/** `poll`: something to read. */
export const POLLIN = 0x001;
/** `poll`: room to write. */
export const POLLOUT = 0x004;
const POLLFD_LENGTH = 4 + 2 + 2;

/** `struct pollfd[]`: descriptor, events wanted, events that came. */
export function encodePollSet(
  entries: readonly { fd: number; events: number }[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(POLLFD_LENGTH * entries.length);
  const view = new DataView(bytes.buffer);
  entries.forEach(({ fd, events }, index) => {
    view.setInt32(index * POLLFD_LENGTH, fd, true);
    view.setInt16(index * POLLFD_LENGTH + 4, events, true);
  });
  return bytes;
}

/** `struct timespec`: seconds, nanoseconds. */
export function encodeTimespec(timeMs: number): BigInt64Array<ArrayBuffer> {
  const nanoseconds = BigInt(Math.round(timeMs * 1e6));
  return new BigInt64Array([
    nanoseconds / 1000000000n,
    nanoseconds % 1000000000n,
  ]);
}

/** Longest interface name, without its closing zero. */
export const INTERFACE_NAME_LENGTH_MAX = 15;
const IFREQ_NAME_LENGTH: number = INTERFACE_NAME_LENGTH_MAX + 1;
const IFREQ_LENGTH: number = IFREQ_NAME_LENGTH + 24;
const IFREQ_ADDRESS: number = IFREQ_NAME_LENGTH + 2;

/** `ioctl` numbers of Linux that ask about an interface. */
export const InterfaceRequest = {
  Flags: 0x8913,
  Mtu: 0x8921,
  HardwareAddress: 0x8927,
  Index: 0x8933,
} as const;

const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

/** `struct ifreq` that asks about the interface `name`. */
export function encodeInterfaceRequest(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IFREQ_LENGTH);
  new TextEncoder().encodeInto(
    name,
    bytes.subarray(0, INTERFACE_NAME_LENGTH_MAX),
  );
  return bytes;
}

/** Whether the answer to `InterfaceRequest.Flags` says that it is up. */
export function decodeIsUp(answer: Uint8Array<ArrayBuffer>): boolean {
  return (decodeFlags(answer) & IFF_UP) !== 0;
}

/** Whether the answer to `InterfaceRequest.Flags` says that a cable leads somewhere. */
export function decodeHasCarrier(answer: Uint8Array<ArrayBuffer>): boolean {
  return (decodeFlags(answer) & IFF_RUNNING) !== 0;
}

function decodeFlags(answer: Uint8Array<ArrayBuffer>): number {
  return new DataView(answer.buffer).getUint16(IFREQ_NAME_LENGTH, true);
}

/** The answer to `InterfaceRequest.Index`. */
export function decodeIndex(answer: Uint8Array<ArrayBuffer>): number {
  return new DataView(answer.buffer).getInt32(IFREQ_NAME_LENGTH, true);
}

/** The answer to `InterfaceRequest.Mtu`, in bytes. */
export function decodeMtu(answer: Uint8Array<ArrayBuffer>): number {
  return new DataView(answer.buffer).getInt32(IFREQ_NAME_LENGTH, true);
}

/** The 6 bytes that answer `InterfaceRequest.HardwareAddress`. */
export function decodeMac(answer: Uint8Array<ArrayBuffer>): Uint8Array {
  return answer.slice(IFREQ_ADDRESS, IFREQ_ADDRESS + 6);
}

/** Undefined for Ethernet and loopback, else the number of the kind. */
export function decodeForeignKind(
  answer: Uint8Array<ArrayBuffer>,
): number | undefined {
  const kind = new DataView(answer.buffer).getUint16(IFREQ_NAME_LENGTH, true);
  return kind === ARPHRD_ETHER || kind === ARPHRD_LOOPBACK ? undefined : kind;
}

/** `text` as C wants it: UTF-8 and a closing zero. */
export function encodeCString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

/** The text before the first zero of `bytes`. */
export function decodeCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(
    end < 0 ? bytes : bytes.subarray(0, end),
  );
}
