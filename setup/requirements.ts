/**
 * What Deepshelf and its tests need from the operating system, and how to see
 * that it is there.
 *
 * A requirement is met by what it brings (a program, a library), not by a
 * package manager's word, so that a machine that is not Debian, or that has a
 * program from elsewhere, is served as well.
 */

/** One thing that comes from an operating system package. */
export interface Requirement {
  /** The Debian package that brings it. */
  readonly debianPackage: string;
  /**
   * It is there if any of these is: an absolute path, or the name of a
   * program on PATH or in one of the system's program folders.
   */
  readonly anyOf: readonly string[];
}

/** What the server itself needs. */
export const SERVER_REQUIREMENTS: readonly Requirement[] = [
  {
    debianPackage: "libpcap0.8",
    anyOf: [
      "/usr/lib/x86_64-linux-gnu/libpcap.so.0.8",
      "/usr/lib/aarch64-linux-gnu/libpcap.so.0.8",
      "/usr/lib64/libpcap.so.1",
      "/usr/lib/libpcap.so.1",
    ],
  },
];

const IPROUTE: Requirement = { debianPackage: "iproute2", anyOf: ["ip"] };
const QEMU: Requirement = {
  debianPackage: "qemu-system-x86",
  anyOf: ["qemu-system-x86_64"],
};

/** What the tests with a Linux guest need beside it. */
export const GUEST_REQUIREMENTS: readonly Requirement[] = [
  IPROUTE,
  QEMU,
  { debianPackage: "busybox-static", anyOf: ["busybox"] },
  { debianPackage: "kmod", anyOf: ["depmod"] },
  { debianPackage: "xz-utils", anyOf: ["xz"] },
  { debianPackage: "e2fsprogs", anyOf: ["mkfs.ext4"] },
  { debianPackage: "xfsprogs", anyOf: ["mkfs.xfs"] },
  { debianPackage: "btrfs-progs", anyOf: ["mkfs.btrfs"] },
  { debianPackage: "fio", anyOf: ["fio"] },
];

/** What the tests with the initiator's usual tools need. */
export const AOETOOLS_REQUIREMENTS: readonly Requirement[] = [
  IPROUTE,
  { debianPackage: "aoetools", anyOf: ["aoeping"] },
];

/** What the tests that boot over the network need. */
export const IPXE_REQUIREMENTS: readonly Requirement[] = [
  IPROUTE,
  QEMU,
  { debianPackage: "ipxe", anyOf: ["/usr/lib/ipxe/ipxe.lkrn"] },
];

/** What single tests need beside all these. */
export const TEST_REQUIREMENTS: readonly Requirement[] = [
  { debianPackage: "tcpdump", anyOf: ["tcpdump"] },
  // The server alone, without a service that would start by itself.
  { debianPackage: "apache2-bin", anyOf: ["apache2", "httpd"] },
  { debianPackage: "b3sum", anyOf: ["b3sum"] },
];

/** What the tests of `s3:` stores need: Ceph with its S3 gateway. */
export const CEPH_REQUIREMENTS: readonly Requirement[] = [
  { debianPackage: "ceph-common", anyOf: ["ceph"] },
  { debianPackage: "ceph-mon", anyOf: ["ceph-mon"] },
  { debianPackage: "ceph-mgr", anyOf: ["ceph-mgr"] },
  { debianPackage: "ceph-osd", anyOf: ["ceph-osd"] },
  { debianPackage: "radosgw", anyOf: ["radosgw"] },
];

/** What the tests of `http:` stores need: a web server. */
export const WEB_REQUIREMENTS: readonly Requirement[] = [
  { debianPackage: "nginx", anyOf: ["nginx"] },
];

const SYSTEM_PROGRAM_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The absolute path of a program, or undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  const path = Deno.env.get("PATH") ?? "";
  const folders = path.split(":").filter((folder) => folder.startsWith("/"));
  return [...folders, ...SYSTEM_PROGRAM_FOLDERS]
    .map((folder) => `${folder}/${name}`)
    .find(isFile);
}

/** Those of `requirements` that this machine does not meet. */
export function unmet(requirements: readonly Requirement[]): Requirement[] {
  return requirements.filter((requirement) =>
    !requirement.anyOf.some((item) =>
      item.startsWith("/") ? isFile(item) : findProgram(item) !== undefined
    )
  );
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
