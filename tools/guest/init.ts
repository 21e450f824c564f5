/**
 * The programs inside the guest: /init and the command agent.
 *
 * @module
 */

/** The serial line the agent answers on: the second one of the machine. */
const AGENT_TTY = "/dev/ttyS1";

/**
 * The first process. It loads the modules in the order of `/modules/order`
 * and becomes the agent.
 */
export const INIT = `#!/bin/sh
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp
for module in $(cat /modules/order); do
  insmod /modules/$module.ko || echo "no module $module"
done
echo 0 > /proc/sys/kernel/printk
# The files are in the kernel now: 5 MiB of a small memory.
rm -rf /modules
ip link set lo up
exec /bin/agent
`;

/**
 * The command agent: reads `ID SECONDS BASE64` lines, runs the command in
 * its own shell for at most SECONDS, answers `ID STATUS BASE64` with what it
 * wrote to stdout and stderr. Empty lines are skipped, so that a host which
 * connects after a restore can end what an earlier one left half written.
 * The line is raw: no echo, no signals from characters, no waiting.
 * A lost agent would take the guest with it (it is process 1): it starts
 * its loop again.
 */
export const AGENT = `#!/bin/sh
stty -F ${AGENT_TTY} 115200 raw -echo -hupcl clocal
exec 3<>${AGENT_TTY}
echo READY >&3
while true; do
  while read -r id seconds command <&3; do
    [ -n "$command" ] || continue
    echo "$command" | base64 -d > /tmp/command
    timeout -s KILL "$seconds" sh /tmp/command > /tmp/output 2>&1 < /dev/null 3>&-
    status=$?
    echo "$id $status $(base64 -w 0 /tmp/output)" >&3
  done
done
`;

/**
 * `hotplug off` makes this guest deaf to requests to release a device,
 * `hotplug on` lets it hear again, the one it missed included. QEMU tells
 * of PCI hotplug by general purpose event 1 (hw/acpi/pcihp.c; the handler
 * `_E01` in the DSDT), on pc and on q35;
 * Documentation/ABI/testing/sysfs-firmware-acpi describes the file.
 */
export const HOTPLUG = `#!/bin/sh
case "$1" in
  off) echo mask > /sys/firmware/acpi/interrupts/gpe01 ;;
  on) echo unmask > /sys/firmware/acpi/interrupts/gpe01 ;;
  *) echo "usage: hotplug on|off" >&2; exit 2 ;;
esac
`;
