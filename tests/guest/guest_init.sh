#!/bin/busybox sh
# First process of the guest: loads the modules, brings the network up, shows
# the host's root (read-only) under /host and starts the agent.

/bin/busybox mkdir -p /proc /sys /dev /host /tmp /sbin
/bin/busybox --install -s /bin
export PATH=/bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm

# Errors are printed, not hidden: the host shows this console on a failure.
for module in /modules/*.ko; do
  insmod "$module" || echo "guest: insmod $module failed"
done
rm -r /modules

ip link set lo up
ip link set eth0 up

mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 \
  root /host
mount -o bind /dev /host/dev
mount -o bind /proc /host/proc
mount -o bind /sys /host/sys
mount -t tmpfs tmpfs /host/tmp
mkdir -p /host/tmp/mnt /host/tmp/shared
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 \
  shared /host/tmp/shared

/agent
echo "guest: the agent has ended"
poweroff -f
