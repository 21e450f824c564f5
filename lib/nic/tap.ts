/**
 * How QEMU gets at a new NIC's tap: handed over open, or by its name. Pure.
 *
 * @module
 */

import {
  fdNames,
  isParavirtual,
  netdevArguments,
  type NicDevice,
} from "../device/nic.ts";
import { refuse, unsupported } from "../errors.ts";
import type { KeptTap } from "../host/access_record.ts";
import { confinementText } from "../host/confinement.ts";
import type { Facts } from "../plan/facts.ts";
import type { NicAddFacts, OwnTapFacts } from "./add_facts.ts";
import { networkSteps } from "./network.ts";
import { command, qmpStep } from "../plan/steps.ts";
import type { NicAdd } from "./request.ts";
import { missingCommands } from "../plan/requirements.ts";
import type { NicStep } from "./steps.ts";

/** What handing over an open tap needs. */
export const TAP_COMMANDS: readonly string[] = ["getfd", "closefd"];

/** What the way to a tap depends on. */
export type TapFacts =
  & Pick<Facts, "qemu">
  & Pick<NicAddFacts, "confinement" | "ownTap">;

/** Whether an open tap can be handed over. */
export function takesTaps({ qemu }: Pick<Facts, "qemu">): boolean {
  return missingCommands(qemu, TAP_COMMANDS).length === 0;
}

function barrier({ confinement, ownTap }: TapFacts): string | undefined {
  if (confinement === undefined || ownTap === undefined) {
    return "whose process is unknown";
  }
  const { userNamespace, networkNamespace } = confinement;
  if (userNamespace === "another") return "which is in another user namespace";
  if (networkNamespace === "another") {
    return "which is in another network namespace";
  }
  return ownTap.tun &&
    `which (${confinementText(confinement)}) cannot: ${ownTap.tun}`;
}

/**
 * Refuses a QEMU that gets at no tap.
 *
 * @throws {HotplugError} `unsupported`
 */
export function refuseNoTapWay(facts: TapFacts): void {
  if (takesTaps(facts)) return;
  const reason = barrier(facts);
  if (reason === undefined) return;
  const missing = missingCommands(facts.qemu, TAP_COMMANDS).join(", ");
  throw unsupported(
    `This QEMU's monitor lacks ${missing}: no open tap can be handed over, and it must be opened by QEMU itself, ${reason}`,
    "a QEMU 2.9 or newer, unrestricted, takes it open",
  );
}

/** The steps that hand over the fds of a tap. */
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

function refuseVhost(nic: NicDevice, ownTap: OwnTapFacts | undefined): void {
  if (nic.vhost === "off" || ownTap?.vhost === undefined) return;
  throw refuse(
    `This QEMU must open /dev/vhost-net itself, and cannot: ${ownTap.vhost}`,
    "say --no-vhost",
  );
}

/** The tap that QEMU opens by its name: it stays when nobody has it open. */
function keptTap(facts: NicAddFacts, request: NicAdd): KeptTap {
  const uid = facts.confinement?.credentials.uid ?? 0;
  return { way: "tap", name: request.tap ?? `tap${facts.nonce}`, uid };
}

function byName(
  facts: NicAddFacts,
  request: NicAdd,
  { nic, vnetHdr }: { nic: NicDevice; vnetHdr: "on" | "off" },
): TapSteps {
  refuseVhost(nic, facts.ownTap);
  const { place, record } = facts.own;
  const { id, uuid, queues } = nic;
  const tap = keptTap(facts, request);
  const before = record.devices[uuid] ?? null;
  const after = { kind: "nic", access: tap } as const;
  const qemu = facts.ownTap?.qemu ?? null;
  const netdev = qmpStep(
    "netdev_add",
    {
      type: "tap",
      id,
      ifname: tap.name,
      script: "no",
      downscript: "no",
      vhost: nic.vhost === "on",
      vnet_hdr: vnetHdr === "on",
      ...(queues > 1 ? { queues } : {}),
    },
    command("netdev_del", { id }),
  );
  return {
    host: [
      { kind: "own-record", place, qemu, change: { uuid, before, after } },
      { kind: "make-tap", tap, queues, vnetHdr },
      ...networkSteps(facts, request, nic),
    ],
    backend: [netdev],
  };
}

/** Whether a new NIC's tap carries headers; other cards know none: SPEC 6.3. */
export function vnetHdrOf(
  { content }: Pick<Facts, "content">,
  { vnetHdr }: Pick<NicAdd, "vnetHdr">,
  { driver }: Pick<NicDevice, "driver">,
): "on" | "off" {
  const asked = vnetHdr ?? (content.runtime.hvparams.vnetHdr ? "on" : "off");
  return isParavirtual(driver) ? asked : "off";
}

/** The steps up to the NIC's backend in QEMU. */
export interface TapSteps {
  /** On this node: the tap and its network. */
  readonly host: readonly NicStep[];
  /** In QEMU. */
  readonly backend: readonly NicStep[];
}

/** The steps up to the NIC's backend in QEMU. */
export function tapSteps(
  facts: NicAddFacts,
  request: NicAdd,
  nic: NicDevice,
): TapSteps {
  const vnetHdr = vnetHdrOf(facts, request, nic);
  if (!takesTaps(facts)) return byName(facts, request, { nic, vnetHdr });
  const { queues, id } = nic;
  const name = request.tap ?? null;
  return {
    host: [
      { kind: "open-tap", name, queues, vnetHdr },
      ...(nic.vhost === "on" ? [{ kind: "open-vhost" as const, queues }] : []),
      ...networkSteps(facts, request, nic),
    ],
    backend: [
      ...fdSteps(nic),
      qmpStep(
        "netdev_add",
        netdevArguments(nic),
        command("netdev_del", { id }),
      ),
    ],
  };
}
