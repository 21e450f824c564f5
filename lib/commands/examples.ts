/**
 * Examples of every command, for `help COMMAND` and the manual page. A file of
 * its own, because no other code needs them. A test runs them in this order.
 *
 * @module
 */

/** By the command's name: the purpose of each, and the line below it. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  "disk add": `
# use the first free slot and the settings of the instance
kvm-hotplug disk add vm1.example.com /dev/xenvg/data1 --name data
# add a raw image with an I/O limit
kvm-hotplug disk add vm1.example.com /srv/d1.img --name scratch --iops 500
# show each step and its undo; change nothing
kvm-hotplug disk add vm1.example.com /srv/d2.img --dry-run`,
  "disk resize": `
# tell the guest that the source has grown (lvextend)
kvm-hotplug disk resize vm1.example.com data
# grow a raw image, and tell the guest
kvm-hotplug disk resize vm1.example.com scratch 64M --grow`,
  "disk set": `
# limit a disk that slows down the others
kvm-hotplug disk set vm1.example.com data --iops 500 --bps 50M
# remove the limits
kvm-hotplug disk set vm1.example.com data --iops 0 --bps 0
# take the medium out of a CD-ROM drive
kvm-hotplug disk set vm1.example.com cd --medium none`,
  "disk remove": `
# select by name; wait longer for a busy guest
kvm-hotplug disk remove vm1.example.com data --unplug-timeout 120
# remove the last disk
kvm-hotplug disk remove vm1.example.com -1`,
  "nic add": `
# add a bridged NIC with a random MAC
kvm-hotplug nic add vm1.example.com --link br0
# make only the tap; another program connects it to a network
kvm-hotplug nic add vm1.example.com --mode none --tap vm1-probe --json`,
  "nic modify": `
# move to another bridge; the guest does not notice
kvm-hotplug nic modify vm1.example.com 0 --link br1
# unplug the cable
kvm-hotplug nic modify vm1.example.com -1 --link-state down
# new MAC: unplug the card and plug it into the same slot again
kvm-hotplug nic modify vm1.example.com 0 --mac aa:00:00:12:34:56`,
  "nic remove": `
# select by index
kvm-hotplug nic remove vm1.example.com 1
# select by uuid: status 0 even if the NIC was already removed
kvm-hotplug nic remove vm1.example.com 932df160-7a22-4067-8b7e-1f0a5d7c9e11`,
  "vcpu add": `
# add one processor; the guest may have to bring it online
kvm-hotplug vcpu add vm1.example.com
# show the places and ids of two processors; change nothing
kvm-hotplug vcpu add vm1.example.com 2 --dry-run`,
  "vcpu set": `
# bring the VM to two processors: add or remove as many as it takes
kvm-hotplug vcpu set vm1.example.com 2
# show each change; change nothing
kvm-hotplug vcpu set vm1.example.com 3 --dry-run`,
  "vcpu remove": `
# remove the processor in the highest place
kvm-hotplug vcpu remove vm1.example.com
# select by device id: status 0 even if it was already removed
kvm-hotplug vcpu remove vm1.example.com vcpu-3`,
  "memory add": `
# add a DIMM; the guest may have to bring it online
kvm-hotplug memory add vm1.example.com 1G
# show how a device that grows and shrinks would be added; change nothing
kvm-hotplug memory add vm1.example.com 1G --kind virtio-mem --max 8G --dry-run`,
  "memory remove": `
# select by index; the guest must put the memory offline
kvm-hotplug memory remove vm1.example.com 0
# select by device id: status 0 even if the memory was already removed
kvm-hotplug memory remove vm1.example.com dimm-1`,
  "memory set": `
# bring the guest to 4 GiB: add or remove as much as it takes
kvm-hotplug memory set vm1.example.com 4G
# show each change; change nothing
kvm-hotplug memory set vm1.example.com 8G --dry-run`,
  adopt: `
# show the devices that would be recorded; change nothing
kvm-hotplug adopt vm1.example.com --dry-run
# make a runtime file for a VM that Ganeti did not start
kvm-hotplug adopt vm1 --qmp /run/vm1.qmp --state /var/lib/vm1.runtime`,
  list: `
# show all instances; mark those that need attention
kvm-hotplug list
# show the devices in the runtime file and in QEMU
kvm-hotplug list vm1.example.com
# the same as JSON
kvm-hotplug list vm1.example.com --json | jq '.devices[].status'`,
  check: `
# status 3 if something is missing
kvm-hotplug check vm1.example.com
# any QEMU, by its QMP socket
kvm-hotplug check /run/vm1.qmp --json`,
  pci: `
# show all devices and free slots
kvm-hotplug pci vm1.example.com
# any QEMU, by its QMP socket
kvm-hotplug pci /run/vm1.qmp --json`,
  repair: `
# show leftovers and differences; change nothing
kvm-hotplug repair vm1.example.com --dry-run
# fix them; status 7 if something remains
kvm-hotplug repair vm1.example.com`,
  "state show": `
# show the runtime file
kvm-hotplug state show vm1.example.com
# check that the file, QEMU and the links agree
kvm-hotplug state show vm1.example.com --verify`,
  "state upgrade": `
# check whether anything would change
kvm-hotplug state upgrade vm1.example.com --dry-run
# convert the file of Ganeti 2.7 or newer to the current form
kvm-hotplug state upgrade vm1.example.com`,
  "state command": `
# show how to start an identical QEMU
kvm-hotplug state command vm1.example.com
# the target of a live migration
kvm-hotplug state command vm1.example.com --incoming tcp:0:8102 --json`,
  qmp: `
# any QMP command
kvm-hotplug qmp vm1.example.com query-block
# arguments as words, or as one JSON object
kvm-hotplug qmp vm1.example.com qom-get path=/machine property=type
# a command of the human monitor
kvm-hotplug qmp /run/vm1.qmp human-monitor-command command-line='info qtree'
# pass an open file
kvm-hotplug qmp /run/vm1.qmp getfd fdname=log @fd:/tmp/log`,
  events: `
# until Ctrl-C, or until the VM ends
kvm-hotplug events vm1.example.com
# status 4 if the event does not occur within a minute
kvm-hotplug events vm1.example.com --until DEVICE_DELETED --for 60 --json`,
  shell: `
# Tab completes words, help COMMAND explains a command, exit ends the shell
kvm-hotplug shell vm1.example.com
# commands from a program, one JSON document for each
echo 'query-status' | kvm-hotplug shell /run/vm1.qmp --json`,
  rpc: `
# one request, one answer
echo '{"jsonrpc":"2.0","id":1,"method":"list"}' | kvm-hotplug rpc
# a session from a master
ssh node1 kvm-hotplug rpc --timeout 10`,
  metrics: `
# the metrics of all instances, as text
kvm-hotplug metrics
# compare everything, which takes longer
kvm-hotplug metrics --whole
# for the textfile collector of node_exporter
kvm-hotplug metrics --output /var/lib/node_exporter/kvm-hotplug.prom`,
  schema: `
# JSON Schema of every document; each command has its own in $defs
kvm-hotplug schema | jq '."$defs".list'
# the methods of rpc, with their options and defaults
kvm-hotplug schema --openrpc`,
  completion: `
# in ~/.bashrc (the Debian package installs it)
eval "$(kvm-hotplug completion bash)"
# after compinit in ~/.zshrc
source <(kvm-hotplug completion zsh)
# in config.fish
kvm-hotplug completion fish | source`,
  help: `
# options and examples of one command
kvm-hotplug help disk add
# all disk commands
kvm-hotplug help disk
# the manual page
kvm-hotplug help --man | man -l -`,
};

/** The lines of a command's examples. */
export function examplesOf(command: string): string[] {
  return (EXAMPLES[command] ?? "").trim().split("\n");
}
