/**
 * The words of `nic add` and `nic modify`.
 *
 * @module
 */

import * as check from "../words/values.ts";
import {
  MAX_NIC_QUEUES,
  USUAL_CARDS,
  VIRTIO_NET,
  VIRTIO_NET_WORDS,
} from "../device/nic.ts";
import { usage } from "../errors.ts";
import { LINK_STATES, NIC_MODES } from "../host/network_words.ts";
import type { EntryKind } from "../plan/kind.ts";
import { plug } from "../plan/request.ts";
import {
  amountOption,
  choiceOption,
  type CommandSpec,
  commandSpec,
  DRY_RUN,
  either,
  type Invocation,
  PLUG_OPTIONS,
  spec,
} from "../words/options.ts";
import {
  amount,
  choice,
  deviceWord,
  flag,
  option,
  orNone,
  path,
} from "../words/request_words.ts";
import { propertyOptions } from "../words/property_words.ts";
import { MTU, NIC_PROPERTIES, RATE } from "../device/nic_properties.ts";
import type { NetworkWish, NicAdd, NicModify, NicRequest } from "./request.ts";

/** A random MAC with the default prefix of Ganeti's clusters. */
function randomMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(3));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
  return `aa:00:00:${hex.join(":")}`;
}

function nicMode(invocation: Invocation, link: string | undefined) {
  const mode = choice(invocation, "mode", NIC_MODES) ??
    (link === undefined ? undefined : "bridged");
  if (mode === "bridged" && link === undefined) {
    throw usage("Mode bridged needs --link", "name the bridge: --link br0");
  }
  if (mode === "openvswitch" && link === undefined) {
    throw usage(
      "Mode openvswitch needs --link",
      "name the switch: --link SWITCH",
    );
  }
  return mode;
}

/** A network that is looked up later, or its description. */
function inNetwork(invocation: Invocation): NetworkWish | undefined {
  const given = ["mode", "link"].some((name) => invocation.values.has(name));
  const place = given ? "given" : "found";
  return option(
    invocation,
    "network",
    (word) => ({ network: check.network(word), place }),
  );
}

/**
 * Reads `nic add`. Without a given MAC, a random one is made here; other
 * omitted settings stay open: the hvparams decide later.
 *
 * @throws {HotplugError} `usage`
 */
function nicAdd(invocation: Invocation, instance: string): NicAdd {
  const link = option(invocation, "link", check.interfaceName);
  const mac = option(invocation, "mac", check.mac);
  return {
    kind: "nic-add",
    instance,
    ...plug(invocation),
    mac: mac === undefined
      ? { value: randomMac(), origin: "made" }
      : { value: mac, origin: "given" },
    mode: nicMode(invocation, link),
    link,
    vlan: option(invocation, "vlan", check.vlan),
    ip: option(invocation, "ip", check.ipAddress),
    inNetwork: inNetwork(invocation),
    ...settings(invocation),
    ...withoutNull({ mtu: mtuOf(invocation), ...rates(invocation) }),
    ...accepted(invocation),
  };
}

/** Of a new NIC, no limit is none. */
function withoutNull<T extends Record<string, number | null | undefined>>(
  values: T,
): { readonly [K in keyof T]?: number | undefined } {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, value ?? undefined]),
  ) as ReturnType<typeof withoutNull<T>>;
}

function mtuOf(invocation: Invocation): number | null | undefined {
  return orNone(invocation, "mtu", check.wholeNumber(MTU));
}

const RATE_AMOUNT = { unit: "bytes", min: 0, max: RATE.max } as const;

const RATES = [
  amountOption(
    RATE_AMOUNT,
    "rate SIZE",
    "bytes per second in each direction, with k M G T; 0: no limit",
    "no limit",
  ),
  amountOption(
    RATE_AMOUNT,
    "rate-in SIZE",
    "bytes per second towards the guest",
    "as --rate",
  ),
  amountOption(
    RATE_AMOUNT,
    "rate-out SIZE",
    "bytes per second from the guest",
    "as --rate",
  ),
] as const;

/** Rates that were given; null: no limit. */
function rates(invocation: Invocation) {
  const [both, towards, from] = RATES.map((one) => {
    const value = amount(invocation, one);
    if (value === undefined || value === 0) return value;
    if (value >= RATE.min) return value;
    throw usage(
      `Option --${one.name} must be 0, or at least ${RATE.min} bytes per second: it is ${value}`,
    );
  });
  const orNull = (value: number | undefined) => value === 0 ? null : value;
  return {
    rateIn: orNull(towards ?? both),
    rateOut: orNull(from ?? both),
  };
}

function accepted({ flags }: Invocation): Pick<NicAdd, "migratable"> {
  return flags.has("not-migratable") ? { migratable: "not-needed" } : {};
}

const QUEUES = amountOption(
  { unit: "number", min: 1, max: MAX_NIC_QUEUES },
  "queues N",
  `queue pairs, 1 to ${MAX_NIC_QUEUES}`,
  "the hvparams",
);

/** The settings of a NIC. */
function settings(invocation: Invocation) {
  return {
    queues: amount(invocation, QUEUES),
    vhost: flag(invocation, "vhost"),
    vnetHdr: invocation.flags.has("no-vnet-hdr") ? "off" as const : undefined,
    tap: option(invocation, "tap", check.newInterfaceName),
    script: option(invocation, "script", path),
    linkState: choice(invocation, "link-state", LINK_STATES),
  };
}

/**
 * Reads `nic modify`; omitted settings stay unchanged.
 *
 * @throws {HotplugError} `usage`
 */
function nicModify(
  invocation: Invocation,
  instance: string,
  device: string,
): NicModify {
  const changes = {
    name: option(invocation, "name", check.shortText),
    mac: option(invocation, "mac", check.mac),
    mode: choice(invocation, "mode", NIC_MODES),
    link: option(invocation, "link", check.interfaceName),
    vlan: orNone(invocation, "vlan", check.vlan),
    ip: orNone(invocation, "ip", check.ipAddress),
    ...(option(invocation, "network", ({ text }) => text) === "none"
      ? { network: null, netinfo: null }
      : { inNetwork: inNetwork(invocation) }),
    driver: option(invocation, "driver", check.qemuId),
    ...settings(invocation),
    mtu: mtuOf(invocation),
    ...rates(invocation),
    script: orNone(invocation, "script", path),
  };
  if (Object.values(changes).every((one) => one === undefined)) {
    throw usage(
      "nic modify needs at least one option to change",
      "kvm-hotplug help nic modify shows the options",
    );
  }
  return {
    kind: "nic-modify",
    instance,
    device,
    changes,
    ...accepted(invocation),
  };
}

/** `nic add`. */
const NIC_ADD: CommandSpec = commandSpec("nic add INSTANCE", {
  summary: "add a network card to a running VM",
  options: [
    ...PLUG_OPTIONS,
    {
      ...spec(
        "link-state S",
        `carrier that the guest sees: ${either(LINK_STATES)}`,
        "up",
      ),
      choices: LINK_STATES,
    },
    spec("mac M", "MAC address", "random, with prefix aa:00:00"),
    choiceOption({
      name: "mode",
      value: "M",
      choices: NIC_MODES,
      default: "bridged; without --link: none",
    }, "; none: tap only"),
    spec("link L", "bridge, switch or routing table"),
    spec("vlan V", "VLAN: 100, 100:200 or :100:200"),
    spec("ip A", "the guest's IP address, for mode routed"),
    {
      ...spec(
        "network N",
        "Ganeti network: its name or uuid (if a NIC of this node is in it), or its description as JSON",
      ),
      json: "accepted",
    },
    {
      ...spec(
        "driver D",
        `${VIRTIO_NET} (Ganeti: paravirtual), ${USUAL_CARDS.join(", ")}, …`,
        "hvparam nic_type",
      ),
      choices: [...VIRTIO_NET_WORDS, ...USUAL_CARDS],
      others: "accepted",
    },
    QUEUES,
    ...propertyOptions(NIC_PROPERTIES).map((one) => ({
      ...one,
      none: "accepted" as const,
    })),
    ...RATES,
    spec(
      "vhost",
      "use the kernel's accelerator (--no-vhost: do not use it)",
      "hvparam vhost_net",
    ),
    spec("no-vnet-hdr", "no virtio-net headers on the tap"),
    spec(
      "tap NAME",
      "name of the new tap",
      "the kernel's choice",
    ),
    spec(
      "script PATH",
      "network script, called in the same way as Ganeti's scripts",
      "Ganeti's script if installed, else built-in (iproute2)",
    ),
    spec(
      "not-migratable",
      "accept a NIC that Ganeti's start would fail with (mode none)",
    ),
  ],
  otherNames: ["attach-device", "attach-interface"],
  examples: `
# add a bridged NIC with a random MAC
kvm-hotplug nic add vm1.example.com --link br0
# make only the tap; another program connects it to a network
kvm-hotplug nic add vm1.example.com --mode none --tap vm1-probe --json`,
});

/** Options of `nic add` that do not apply to an existing NIC. */
const ONLY_NEW = ["uuid", "slot", "bus", "id-scheme"];

/** Options that accept `none` there. */
const TAKEN_AWAY = ["vlan", "ip", "network", "script", "mtu"];

/** `nic modify`. */
const NIC_MODIFY: CommandSpec = commandSpec("nic modify INSTANCE NIC", {
  summary: "change a network card of a running VM",
  options: NIC_ADD.options
    .filter(({ name }) => !ONLY_NEW.includes(name))
    .map((option) =>
      ["dry-run", "not-migratable"].includes(option.name) ? option : ({
        ...option,
        ...(TAKEN_AWAY.includes(option.name)
          ? { help: `${option.help}; none: without it` }
          : {}),
        // A card that is plugged again has a new tap.
        default: option.name === "tap" ? "the kernel's choice" : "as it is",
      })
    ),
  examples: `
# move to another bridge; the guest does not notice
kvm-hotplug nic modify vm1.example.com 0 --link br1
# unplug the cable
kvm-hotplug nic modify vm1.example.com -1 --link-state down
# new MAC: unplug the card and plug it into the same slot again
kvm-hotplug nic modify vm1.example.com 0 --mac aa:00:00:12:34:56`,
});

/** What NICs are called, and where they are recorded. */
export const NIC_NAME = {
  word: "nic",
  title: "NIC",
  list: "nics",
  recorded: ({ nics }) => nics,
} as const satisfies EntryKind;

/** The commands of NICs, in the order of the usage text. */
export const NIC_COMMANDS: readonly CommandSpec[] = [
  NIC_ADD,
  commandSpec("nic remove INSTANCE NIC", {
    summary: "remove a network card from a running VM",
    options: [
      DRY_RUN,
      spec(
        "force",
        "remove the NIC even if the runtime file does not record it",
      ),
    ],
    otherNames: ["detach-device", "detach-interface"],
    examples: `
# select by index
kvm-hotplug nic remove vm1.example.com 1
# select by uuid: status 0 even if the NIC was already removed
kvm-hotplug nic remove vm1.example.com 932df160-7a22-4067-8b7e-1f0a5d7c9e11`,
  }),
  NIC_MODIFY,
];

/**
 * The request of a command of NICs; undefined for another command.
 *
 * @throws {HotplugError} `usage`
 */
export function nicRequest(
  invocation: Invocation,
  instance: string,
): NicRequest | undefined {
  const second = invocation.operands[1] ?? "";
  switch (invocation.command?.name) {
    case "nic add":
      return nicAdd(invocation, instance);
    case "nic remove":
      return {
        kind: "nic-remove",
        instance,
        device: deviceWord(second),
        ...(invocation.flags.has("force") ? { unrecorded: "forced" } : {}),
      };
    case "nic modify":
      return nicModify(invocation, instance, deviceWord(second));
  }
  return undefined;
}
