/** How the guest's machine is put together. */

/** What {@link qemuCommand} needs to know. */
export interface MachineOptions {
  /** Path of the kernel image. */
  readonly vmlinuz: string;
  /** Path of the initramfs. */
  readonly initramfs: string;
  /** Path of a Unix socket on which somebody listens: the agent's line. */
  readonly agentSocket: string;
  /** Name of the tap device that the network card is connected to. */
  readonly tap: string;
  /** MTU of the network card, in bytes. */
  readonly mtu: number;
  /** A folder of this machine that the guest may read. */
  readonly sharedFolder: string;
}

/** Memory of the guest in MiB: btrfs and fio are the largest users. */
const MEMORY_MIB = 1024;

/**
 * The command that runs the machine: emulated (no KVM needed), with its
 * console on standard output.
 */
export function qemuCommand(
  options: MachineOptions,
): [string, ...string[]] {
  return [
    "qemu-system-x86_64",
    // One processor. With two, the initiator stalled in 3 of 10 rounds of btrfs
    // against vblade: a request waiting, nothing outstanding, nothing sent for
    // minutes, until `echo e1.2 > /dev/etherd/revalidate`. With one it never did
    // in 12 rounds, and they were faster (measured 2026-11, Linux 6.1.192, QEMU
    // 7.2, a busy machine of two cores).
    ...["-accel", "tcg", "-cpu", "max", "-smp", "1"],
    ...["-m", `${MEMORY_MIB}`],
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...["-kernel", options.vmlinuz, "-initrd", options.initramfs],
    // The emulated processor has none of the flaws that mitigations slow it
    // down for; a panic ends the machine, so that the test sees it at once.
    ...["-append", "console=ttyS0 loglevel=4 mitigations=off panic=-1"],
    ...["-chardev", "stdio,id=console,signal=off"],
    ...["-serial", "chardev:console"],
    ...["-device", "virtio-serial-pci"],
    ...["-chardev", `socket,id=agent,path=${options.agentSocket}`],
    ...["-device", "virtserialport,chardev=agent,name=agent"],
    ...["-netdev", tapBackend(options.tap)],
    // Without a boot ROM: its start takes a while, and nothing boots from it.
    ...[
      "-device",
      `virtio-net-pci,netdev=net,host_mtu=${options.mtu},romfile=`,
    ],
    ...readOnlyShare("root", "/"),
    ...readOnlyShare("shared", options.sharedFolder),
  ];
}

function tapBackend(tap: string): string {
  return `tap,id=net,ifname=${tap},script=no,downscript=no`;
}

function readOnlyShare(tag: string, path: string): string[] {
  const backend = `local,id=${tag},path=${path},security_model=none`;
  return [
    ...["-fsdev", `${backend},readonly=on,multidevs=remap`],
    ...["-device", `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
  ];
}
