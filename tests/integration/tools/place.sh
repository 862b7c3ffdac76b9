#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# place.sh ROOT MASKS VISIBLE SETUP COMMAND...: what a container engine does to the processes of a pod, for COMMAND. To be run in
# new mount (private), PID, IPC and UTS namespaces. ROOT: an empty directory. MASKS: 1, or 0 to leave /proc and /sys unmasked.
# VISIBLE: mount points below / that are wanted in there, one a line. SETUP: shell commands that change the place at last.
set -eu
root=$1 masks=$2 visible=$3 setup=$4
shift 4

# Not recursive: no other procfs may be visible anywhere, or the kernel would allow a fresh one.
mount --bind / "$root"
cd "$root"
printf '%s\n' "$visible" | while read -r path; do
    [ -z "$path" ] || mount --bind "$path" ".$path"
done
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs sys
mount --rbind /dev dev
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
findmnt -rno TARGET -R "$root/sys/fs/cgroup" | while read -r path; do
    mount -o remount,bind,ro "$path"
done
if [ "$masks" = 1 ]; then
    for path in proc/acpi proc/asound proc/scsi sys/firmware; do
        [ ! -d $path ] || mount -t tmpfs -o ro,size=0 tmpfs $path
    done
    for path in proc/keys proc/kcore proc/latency_stats proc/timer_list proc/sched_debug; do
        [ ! -e $path ] || mount --bind /dev/null $path
    done
    for path in proc/bus proc/fs proc/irq proc/sys proc/sysrq-trigger; do
        [ -e $path ] || continue
        mount --bind $path $path
        mount -o remount,bind,ro $path
    done
fi
(eval "$setup")
pivot_root . .
umount -l .
cd /
exec "$@"
