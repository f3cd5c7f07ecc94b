/**
 * Opens sockets inside a network namespace from a process outside of it: a
 * socket stays in the namespace in which its thread made it.
 */

const CLONE_NEWNET = 0x40000000;

const LIBC_PATHS = [
  "/usr/lib/x86_64-linux-gnu/libc.so.6",
  "/usr/lib/aarch64-linux-gnu/libc.so.6",
  "/usr/lib64/libc.so.6",
];

/** A listener on a free port of the loopback of the namespace `name`. */
export function listenWithin(name: string): Deno.TcpListener {
  return withinNamespace(
    name,
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
}

/** Opens something in a namespace; `open` must not wait. */
export function withinNamespace<Opened>(
  name: string,
  open: () => Opened,
): Opened {
  const libc = Deno.dlopen(findLibc(), {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    setns: { parameters: ["i32", "i32"], result: "i32" },
  });
  const { open: openFile, close, setns } = libc.symbols;
  const enter = (path: string): void => {
    const fd = openFile(new TextEncoder().encode(`${path}\0`), 0);
    const result = fd < 0 ? fd : setns(fd, CLONE_NEWNET);
    if (fd >= 0) close(fd);
    if (result !== 0) throw new Error(`Cannot enter the namespace ${path}`);
  };
  const home = openFile(
    new TextEncoder().encode("/proc/thread-self/ns/net\0"),
    0,
  );
  enter(`/run/netns/${name}`);
  try {
    return open();
  } finally {
    setns(home, CLONE_NEWNET);
    close(home);
    libc.close();
  }
}

function findLibc(): string {
  for (const path of LIBC_PATHS) {
    try {
      Deno.statSync(path);
      return path;
    } catch {
      // Another system keeps it elsewhere.
    }
  }
  throw new Error(`No C library at ${LIBC_PATHS.join(", ")}`);
}
