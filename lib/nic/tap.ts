/**
 * The ways by which QEMU gets a new NIC's tap: passed open, or by its name; and
 * their requirements, in the form of `check`.
 *
 * @module
 */

import { fdNames, netdevArguments, type NicDevice } from "../device/nic.ts";
import { toNote } from "../engine/own_facts.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import { duplicate, refuse, unsupported } from "../errors.ts";
import type { KeptTap } from "../host/access_record.ts";
import { confinementText } from "../host/confinement.ts";
import { tapSupport } from "../host/tap.ts";
import type { Facts, NetdevFacts } from "../plan/facts.ts";
import type { CheckFacts, KindRule } from "../plan/kind.ts";
import { missingCommands } from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { noteOn } from "../state/own_check.ts";
import { type NicAddFacts, readOwnTap } from "./add_facts.ts";
import { vhostOf } from "./driver.ts";
import type { NicStep } from "./steps.ts";
import type { AwaitTapGoneStep } from "./tap_steps.ts";

/** The QMP commands that pass an open tap. */
export const TAP_COMMANDS: readonly string[] = ["getfd", "closefd"];

/** Facts for the way to a tap, and for the requirements of NICs. */
type TapFacts = CheckFacts & Pick<NicAddFacts, "ownTap" | "tun" | "vhost">;

/** Whether an open tap can be passed. */
export function takesTaps({ qemu }: Pick<Facts, "qemu">): boolean {
  return missingCommands(qemu, TAP_COMMANDS).length === 0;
}

function barrier({ confinement, ownTap }: TapFacts): string | undefined {
  if (confinement === undefined || ownTap === undefined) {
    return "but QEMU's process is unknown";
  }
  const { userNamespace, networkNamespace } = confinement;
  if (userNamespace === "another") {
    return "but QEMU is in another user namespace";
  }
  if (networkNamespace === "another") {
    return "but QEMU is in another network namespace";
  }
  return ownTap.tun &&
    `which (${confinementText(confinement)}) cannot: ${ownTap.tun}`;
}

/**
 * Refuses a QEMU that cannot get a tap.
 *
 * @throws {HotplugError} `unsupported`
 */
export function refuseNoTapWay(facts: TapFacts): void {
  if (takesTaps(facts)) return;
  const reason = barrier(facts);
  if (reason === undefined) return;
  const missing = missingCommands(facts.qemu, TAP_COMMANDS).join(", ");
  throw unsupported(
    `This QEMU's monitor lacks ${missing}: QEMU must open the tap itself, ${reason}`,
    "QEMU 2.9 or newer gets the tap as an open file",
  );
}

/**
 * Refuses every NIC on a node without /dev/net/tun. @throws {HotplugError}
 * `refused`
 */
export function refuseNoTun({ tun }: Pick<NicAddFacts, "tun">): void {
  if (tun) return;
  throw refuse("Cannot make a tap: there is no /dev/net/tun on this node");
}

/** Refuses an existing tap. @throws {HotplugError} `duplicate` */
export function refuseTap(
  { tapExists }: NicAddFacts,
  tap: string | undefined,
): void {
  if (!tapExists) return;
  throw duplicate(`Network interface ${tap} exists already`);
}

/** The steps on this node that open a tap, and its accelerator. */
export function openSteps(
  { queues, vhost, vnetHdr }: Pick<NicDevice, "queues" | "vhost" | "vnetHdr">,
  name: string | undefined,
): NicStep[] {
  return [
    { kind: "open-tap", name: name ?? null, queues, vnetHdr },
    ...(vhost === "on" ? [{ kind: "open-vhost", queues } as const] : []),
  ];
}

/** The steps that pass the fds of a tap. */
export function fdSteps(nic: Pick<NicDevice, "queues" | "vhost">): NicStep[] {
  const names = fdNames(nic);
  const step = (fdname: string, fd: string): NicStep => ({
    ...qmpStep("getfd", { fdname }, command("closefd", { fdname })),
    fd,
  });
  return [
    ...names.tap.map((name, queue) => step(name, `tap:${queue}`)),
    ...names.vhost.map((name, queue) => step(name, `vhost:${queue}`)),
  ];
}

/** The step that makes the backend of a NIC from the passed fds. */
export function netdevStep(
  nic: Pick<NicDevice, "id" | "queues" | "vhost">,
): QmpStep {
  const undo = command("netdev_del", { id: nic.id });
  return qmpStep("netdev_add", netdevArguments(nic), undo);
}

/** The step that waits until the tap of a backend has disappeared with it. */
export function awaitTapGone(
  { own, qemu }: Facts,
  { tap = "", ifindex }: NetdevFacts,
): AwaitTapGoneStep {
  const { place, qemu: whom } = toNote(own, qemu.process);
  const seen = ifindex === undefined ? {} : { ifindex };
  return { kind: "await-tap-gone", tap, ...seen, own: { place, qemu: whom } };
}

/**
 * The tap that QEMU opens by its name: it stays when no process has it open.
 */
function byName(
  { ownTap, confinement, own, nonce }: NicAddFacts,
  nic: NicDevice,
  name: string = `tap${nonce}`,
): TapSteps {
  const { id, uuid, queues, vhost, vnetHdr } = nic;
  if (vhost === "on" && ownTap?.vhost !== undefined) {
    throw refuse(
      `This QEMU must open /dev/vhost-net itself, but it cannot: ${ownTap.vhost}`,
      "use --no-vhost",
    );
  }
  const tap: KeptTap = {
    way: "tap",
    name,
    uid: confinement?.credentials.uid ?? 0,
  };
  const change = {
    uuid,
    before: noteOn(own.record, uuid) ?? null,
    after: { kind: "nic", access: tap },
  } as const;
  const { place } = own;
  const qemu = ownTap?.qemu ?? null;
  const args = {
    type: "tap",
    id,
    ifname: name,
    script: "no",
    downscript: "no",
    vhost: vhost === "on",
    vnet_hdr: vnetHdr === "on",
    ...(queues > 1 ? { queues } : {}),
  };
  return {
    host: [
      { kind: "own-record", place, qemu, change },
      { kind: "make-tap", tap, queues, vnetHdr },
    ],
    backend: [qmpStep("netdev_add", args, command("netdev_del", { id }))],
  };
}

/** The steps up to the NIC's backend in QEMU, without the tap's network. */
export interface TapSteps {
  /** On this node. */
  readonly host: readonly NicStep[];
  /** In QEMU. */
  readonly backend: readonly NicStep[];
}

/**
 * The steps up to the NIC's backend in QEMU, without the tap's network.
 *
 * @param name the tap's name; undefined: any
 * @throws {HotplugError} `refused` if QEMU cannot open the accelerator
 */
export function tapSteps(
  facts: NicAddFacts,
  nic: NicDevice,
  name: string | undefined,
): TapSteps {
  if (!takesTaps(facts)) return byName(facts, nic, name);
  return {
    host: openSteps(nic, name),
    backend: [...fdSteps(nic), netdevStep(nic)],
  };
}

/** A requirement for each: the commands that pass a tap, and the way itself. */
function tapRules(facts: TapFacts): KindRule[] {
  const { commands } = facts.qemu;
  return [...TAP_COMMANDS, "nic-access"].map((name) => ({
    name,
    at: "before-place",
    refuse: () => {
      if (!commands.has(name)) refuseNoTapWay(facts);
    },
    state: () =>
      commands.has(name)
        ? "the monitor has it"
        : takesTaps(facts)
        ? "QEMU gets the tap as an open file"
        : "QEMU opens the tap by its name",
  }));
}

/** The requirements of NICs. Pure. */
export function nicRules(facts: TapFacts): KindRule[] {
  return [
    ...tapRules(facts),
    {
      name: "tun",
      at: "before-place",
      refuse: () => refuseNoTun(facts),
      state: () => "/dev/net/tun is there",
    },
    {
      name: "vhost",
      at: "before-place",
      refuse: () => {
        vhostOf(facts, undefined);
      },
      state: () =>
        vhostOf(facts, undefined) === "on"
          ? "/dev/vhost-net exists"
          : "hvparam vhost_net does not ask for it",
    },
  ];
}

/** Reads QEMU's ways to a tap, and the node. */
export function nicRequirements(facts: CheckFacts): KindRule[] {
  const ownTap = readOwnTap(facts);
  return nicRules({ ...facts, ownTap, ...tapSupport() });
}
