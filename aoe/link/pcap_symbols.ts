/**
 * The functions that the link takes from libpcap's handle, which hands out
 * libc's as well: one library and one `--allow-ffi=PATH` are enough. With a
 * path there, Deno forbids its pointer helpers; so addresses are bigints, and
 * `memcpy` does the copying. Lengths are bigints too: as a number one takes
 * Deno's slow way, 230 instead of 20 ns a call (measured, 2026-11).
 *
 * @module
 */

const TABLE = {
  pcap_create: { parameters: ["buffer", "buffer"], result: "usize" },
  pcap_set_snaplen: { parameters: ["usize", "i32"], result: "i32" },
  pcap_set_promisc: { parameters: ["usize", "i32"], result: "i32" },
  pcap_set_immediate_mode: { parameters: ["usize", "i32"], result: "i32" },
  pcap_set_buffer_size: { parameters: ["usize", "i32"], result: "i32" },
  pcap_set_protocol_linux: {
    parameters: ["usize", "i32"],
    result: "i32",
    optional: true,
  },
  pcap_activate: { parameters: ["usize"], result: "i32" },
  pcap_datalink: { parameters: ["usize"], result: "i32" },
  pcap_setnonblock: { parameters: ["usize", "i32", "buffer"], result: "i32" },
  pcap_setdirection: { parameters: ["usize", "i32"], result: "i32" },
  pcap_compile: {
    parameters: ["usize", "buffer", "buffer", "i32", "u32"],
    result: "i32",
  },
  pcap_freecode: { parameters: ["buffer"], result: "void" },
  pcap_get_selectable_fd: { parameters: ["usize"], result: "i32" },
  pcap_next_ex: { parameters: ["usize", "buffer", "buffer"], result: "i32" },
  pcap_inject: { parameters: ["usize", "buffer", "usize"], result: "i32" },
  pcap_stats: { parameters: ["usize", "buffer"], result: "i32" },
  pcap_geterr: { parameters: ["usize"], result: "usize" },
  pcap_close: { parameters: ["usize"], result: "void" },
  memcpy: { parameters: ["buffer", "usize", "usize"], result: "void" },
  strlen: { parameters: ["usize"], result: "usize" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  listInterfaces: { name: "if_nameindex", parameters: [], result: "usize" },
  freeInterfaces: {
    name: "if_freenameindex",
    parameters: ["usize"],
    result: "void",
  },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  ppoll: { parameters: ["buffer", "u64", "buffer", "usize"], result: "i32" },
  pollOnThread: {
    name: "poll",
    parameters: ["buffer", "u64", "i32"],
    result: "i32",
    nonblocking: true,
  },
} as const;

/** The signatures, as a type. */
export type Symbols = typeof TABLE;

/** The signatures, for `Deno.dlopen`. */
export const SYMBOLS: Symbols = TABLE;

/** The functions, ready to be called. */
export type Calls = Deno.StaticForeignLibraryInterface<Symbols>;
