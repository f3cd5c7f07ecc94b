#!/bin/busybox sh
# Runs the commands that the host sends over a virtio serial port.
#
# A request is one line, "ID BASE64-OF-A-SHELL-SCRIPT"; the script runs in the
# host's root, in the background, so that others can run meanwhile. Its answer
# is one line, "ID STATUS =BASE64-OF-OUTPUT =BASE64-OF-ERRORS".

for port in /sys/class/virtio-ports/*; do
  [ "$(cat "$port/name")" = agent ] && device=/dev/${port##*/}
done
# A port can be opened only once: all below share this descriptor.
exec 3<>"$device"

# Answers of commands that end together must not mix: one process writes all.
mkfifo /tmp/ended
exec 4<>/tmp/ended
while read -r id status <&4; do
  {
    printf '%s %s =' "$id" "$status"
    base64 "/tmp/$id.out" | tr -d '\n'
    printf ' ='
    base64 "/tmp/$id.err" | tr -d '\n'
    printf '\n'
  } >&3
  rm "/tmp/$id.out" "/tmp/$id.err"
done &

echo ready >&3

while read -r id script <&3; do
  {
    printf '%s' "$script" | base64 -d >"/host/tmp/$id.sh"
    PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot /host /bin/sh "/tmp/$id.sh" \
      >"/tmp/$id.out" 2>"/tmp/$id.err" </dev/null 3>&- 4>&-
    status=$?
    rm "/host/tmp/$id.sh"
    echo "$id $status" >&4
  } &
done
