/**
 * The commands that add and change NICs.
 *
 * @module
 */

import type { CommandSpec } from "../commands/commands.ts";
import { type OptionSpec, PLUG_OPTIONS } from "../words/options.ts";

const LINK_STATE: OptionSpec = {
  name: "link-state",
  value: "S",
  help: "carrier that the guest sees: up or down",
  choices: ["up", "down"],
  default: "up",
};

/** `nic add`. */
export const NIC_ADD: CommandSpec = {
  name: "nic add",
  operands: ["INSTANCE"],
  summary: "plug a network card into a running VM",
  options: [
    ...PLUG_OPTIONS,
    LINK_STATE,
    {
      name: "mac",
      value: "M",
      help: "MAC address",
      default: "a random one that begins with aa:00:00",
    },
    {
      name: "mode",
      value: "M",
      help: "bridged, routed, openvswitch or none (tap only)",
      choices: ["bridged", "routed", "openvswitch", "none"],
      default: "bridged; none without --link",
    },
    { name: "link", value: "L", help: "bridge, switch or routing table" },
    { name: "vlan", value: "V", help: "VLAN: 100, 100:200 or :100:200" },
    { name: "ip", value: "A", help: "the guest's IP address, for mode routed" },
    {
      name: "network",
      value: "N",
      json: "accepted",
      help:
        "Ganeti network: name or uuid of one that a NIC of this node is on, or its description as JSON",
    },
    {
      name: "driver",
      value: "D",
      help: "virtio-net-pci (Ganeti: paravirtual), e1000, rtl8139, …",
      choices: ["virtio-net-pci", "paravirtual", "e1000", "rtl8139"],
      default: "hvparam nic_type",
    },
    {
      name: "queues",
      value: "N",
      help: "queue pairs, 1 to 32",
      default: "the hvparams",
    },
    {
      name: "vhost",
      help: "use the kernel's accelerator; --no-vhost: do not",
      default: "hvparam vhost_net",
    },
    { name: "no-vnet-hdr", help: "no virtio-net headers on the tap" },
    {
      name: "tap",
      value: "NAME",
      help: "name of the tap, which must not exist",
      default: "the kernel's choice",
    },
    {
      name: "script",
      value: "PATH",
      help: "network script, called as Ganeti calls its own",
      default: "Ganeti's if installed, else iproute2",
    },
  ],
};

/** Options of `nic add` that say nothing of a NIC that is there. */
const ONLY_NEW = ["uuid", "slot", "bus", "id-scheme"];

/** Options that take `none` there. */
const TAKEN_AWAY = ["vlan", "ip", "network", "script"];

/** `nic modify`. */
export const NIC_MODIFY: CommandSpec = {
  name: "nic modify",
  operands: ["INSTANCE", "NIC"],
  summary: "change a network card of a running VM",
  options: NIC_ADD.options
    .filter(({ name }) => !ONLY_NEW.includes(name))
    .map((option) =>
      option.name === "dry-run" ? option : ({
        ...option,
        ...(TAKEN_AWAY.includes(option.name)
          ? { help: `${option.help}; none: without it` }
          : {}),
        // A card that is plugged anew has a new tap.
        default: option.name === "tap" ? "the kernel's choice" : "as it is",
      })
    ),
};
