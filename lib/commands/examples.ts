/**
 * Examples of every command, for `help COMMAND` and the manual page: a file of
 * its own, as nothing else has use for them. A test runs them in this order.
 *
 * @module
 */

/** By the command's name: what each is good for, and the line below it. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  "disk add": `
# into the first free slot, with the settings of the instance
kvm-hotplug disk add vm1.example.com /dev/xenvg/data1 --name data
# a raw image, with a limit from the beginning
kvm-hotplug disk add vm1.example.com /srv/d1.img --name scratch --iops 500
# each step and its undo; nothing is changed
kvm-hotplug disk add vm1.example.com /srv/d2.img --dry-run`,
  "disk resize": `
# tell the guest that the source has grown (lvextend)
kvm-hotplug disk resize vm1.example.com data
# grow a raw image, and tell the guest
kvm-hotplug disk resize vm1.example.com scratch 64M --grow`,
  "disk set": `
# limit a disk that disturbs the others
kvm-hotplug disk set vm1.example.com data --iops 500 --bps 50M
# take the limits away
kvm-hotplug disk set vm1.example.com data --iops 0 --bps 0
# take the medium out of a CD-ROM drive
kvm-hotplug disk set vm1.example.com cd --medium none`,
  "disk remove": `
# by name; wait longer for a busy guest
kvm-hotplug disk remove vm1.example.com data --unplug-timeout 120
# the last one
kvm-hotplug disk remove vm1.example.com -1`,
  "nic add": `
# bridged, with a random MAC
kvm-hotplug nic add vm1.example.com --link br0
# a tap that somebody else joins to a network
kvm-hotplug nic add vm1.example.com --mode none --tap vm1-probe --json`,
  "nic modify": `
# to another bridge, without the guest noticing
kvm-hotplug nic modify vm1.example.com 0 --link br1
# pull the cable
kvm-hotplug nic modify vm1.example.com -1 --link-state down
# another card in the same slot
kvm-hotplug nic modify vm1.example.com 0 --mac aa:00:00:12:34:56`,
  "nic remove": `
# by index
kvm-hotplug nic remove vm1.example.com 1
# by uuid: status 0 also if it is gone already
kvm-hotplug nic remove vm1.example.com 932df160-7a22-4067-8b7e-1f0a5d7c9e11`,
  adopt: `
# which devices would be recorded, and what proves them
kvm-hotplug adopt vm1.example.com --dry-run
# a first runtime file for a VM that Ganeti never started
kvm-hotplug adopt vm1 --qmp /run/vm1.qmp --state /var/lib/vm1.runtime`,
  list: `
# all instances, what needs attention marked
kvm-hotplug list
# devices, as file and QEMU have them
kvm-hotplug list vm1.example.com
# the same for a program
kvm-hotplug list vm1.example.com --json | jq '.devices[].status'`,
  check: `
# status 3 if something is missing
kvm-hotplug check vm1.example.com
# of any QEMU, by its socket
kvm-hotplug check /run/vm1.qmp --json`,
  pci: `
# who sits where, and what is free
kvm-hotplug pci vm1.example.com
# of any QEMU, by its socket
kvm-hotplug pci /run/vm1.qmp --json`,
  repair: `
# what is left over or does not agree
kvm-hotplug repair vm1.example.com --dry-run
# mend it; status 7 if something remains
kvm-hotplug repair vm1.example.com`,
  "state show": `
# the runtime file, to read
kvm-hotplug state show vm1.example.com
# do file, QEMU and links agree?
kvm-hotplug state show vm1.example.com --verify`,
  "state upgrade": `
# would anything change?
kvm-hotplug state upgrade vm1.example.com --dry-run
# a file of Ganeti 2.7 or newer in today's form
kvm-hotplug state upgrade vm1.example.com`,
  "state command": `
# how an identical QEMU is started
kvm-hotplug state command vm1.example.com
# the target of a live migration
kvm-hotplug state command vm1.example.com --incoming tcp:0:8102 --json`,
  qmp: `
# any command; pretty on a terminal
kvm-hotplug qmp vm1.example.com query-block
# arguments as words, or as one JSON object
kvm-hotplug qmp vm1.example.com qom-get path=/machine property=type
# what only the human monitor tells
kvm-hotplug qmp /run/vm1.qmp human-monitor-command command-line='info qtree'
# pass an open file
kvm-hotplug qmp /run/vm1.qmp getfd fdname=log @fd:/tmp/log`,
  events: `
# until Ctrl-C or the VM's end
kvm-hotplug events vm1.example.com
# status 4 if it does not come within a minute
kvm-hotplug events vm1.example.com --until DEVICE_DELETED --for 60 --json`,
  shell: `
# Tab completes, help COMMAND tells, exit leaves
kvm-hotplug shell vm1.example.com
# lines from a program, a document for each
echo 'query-status' | kvm-hotplug shell /run/vm1.qmp --json`,
  rpc: `
# one request, one answer
echo '{"jsonrpc":"2.0","id":1,"method":"list"}' | kvm-hotplug rpc
# a session from a master
ssh node1 kvm-hotplug rpc --timeout 10`,
  schema: `
# JSON Schema of every document; each command has its own in $defs
kvm-hotplug schema | jq '."$defs".list'
# what rpc takes: methods, options, defaults
kvm-hotplug schema --openrpc`,
  completion: `
# in ~/.bashrc; the Debian package brings it along
eval "$(kvm-hotplug completion bash)"
# after compinit in ~/.zshrc
source <(kvm-hotplug completion zsh)
# in config.fish
kvm-hotplug completion fish | source`,
  help: `
# options and examples of one command
kvm-hotplug help disk add
# the commands that begin so
kvm-hotplug help disk
# the manual page
kvm-hotplug help --man | man -l -`,
};

/** The lines of a command's examples. */
export function examplesOf(command: string): string[] {
  return (EXAMPLES[command] ?? "").trim().split("\n");
}
