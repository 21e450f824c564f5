/**
 * A recorded NIC on QEMU's command line. Its tap is made beforehand, and opened
 * by its name: Ganeti passes fds, which a command line for people cannot.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import type { Hvparams } from "../state/hvparams.ts";
import type { NicEntry } from "../state/runtime.ts";
import { addressOf } from "../device/address.ts";
import { nicFrontendArguments, settingsAtStart } from "../device/nic.ts";
import { optionText } from "../device/option_text.ts";
import { titleOf } from "../device/select.ts";
import type { StartFacts, StartWords } from "../plan/kind.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { askAll } from "../qmp/query.ts";
import type { Runtime } from "../state/runtime.ts";

/** What is known of a NIC beyond its entry. */
export interface NicStart {
  /** Name of its tap. */
  readonly tap: string;
  /** Of the live one; undefined: as a start would have it. */
  readonly queues?: number | undefined;
  /** `none`: the live one was plugged without an option ROM. */
  readonly rom: "default" | "none";
}

/**
 * The words that start QEMU with this NIC.
 *
 * @throws {HotplugError} `unsupported` for one that no start can have
 */
export function startNic(
  nic: NicEntry,
  { hvparams, tap, queues: live, rom }: NicStart & { hvparams: Hvparams },
): string[] {
  const { hvinfo: { id, driver }, mac } = nic;
  if (id === undefined || driver === undefined || mac === undefined) {
    throw unsupported(
      `Cannot start the VM with ${titleOf(nic)}: the file does not say ${
        mac === undefined ? "which MAC it has" : "where in the VM it sits"
      }`,
      "adopt records what it can prove of a running VM",
    );
  }
  const atStart = settingsAtStart(driver, hvparams);
  const queues = live ?? atStart.queues;
  const netdev = {
    type: "tap",
    id,
    ifname: tap,
    script: "no",
    downscript: "no",
    ...(atStart.vhost === "on" ? { vhost: true } : {}),
    ...(queues > 1 ? { queues } : {}),
    // Without headers the guest is offered less: that must stay so.
    ...(driver.startsWith("virtio") && atStart.vnetHdr === "off"
      ? { vnet_hdr: false }
      : {}),
  };
  const address = addressOf(nic);
  const device = { id, driver, address, mac, queues, rom };
  return [
    ...["-netdev", optionText(netdev, "type")],
    ...["-device", optionText(nicFrontendArguments(device), "driver")],
  ];
}

function tapOf({ index, hvinfo: { id = "" } }: NicEntry, facts: StartFacts) {
  return facts.qemu?.netdevs.get(id)?.tap ?? facts.nicFiles?.[String(index)];
}

/**
 * The words of all NICs. Pure.
 *
 * @param romless ids of those that have no option ROM
 */
export function startNics(
  facts: StartFacts,
  romless: ReadonlySet<string>,
): StartWords {
  const { nics, hvparams } = facts.runtime;
  const words = nics.map((nic) => {
    const { id = "", driver = "" } = nic.hvinfo;
    const queues = facts.qemu?.netdevs.get(id)?.queues;
    return startNic(nic, {
      hvparams,
      tap: tapOf(nic, facts) ?? `tap${nic.index}`,
      queues: driver.startsWith("virtio") ? queues : undefined,
      rom: romless.has(id) ? "none" : "default",
    });
  });
  return {
    argv: words.flat(),
    warnings: nics.filter((nic) => tapOf(nic, facts) === undefined).map((nic) =>
      `the tap of ${titleOf(nic)} is not known: tap${nic.index} stands for it`
    ),
  };
}

/** Ids of the NICs whose option ROM is none. */
export async function readRomless(
  qmp: QmpSession,
  { nics }: Runtime,
): Promise<Set<string>> {
  const ids = nics.flatMap(({ hvinfo: { id } }) => id ?? []);
  if (ids.length === 0) return new Set();
  // Not there, or no PCI device: it has none to leave out.
  const roms = await askAll(
    qmp,
    Object.fromEntries(ids.map((id) => [
      id,
      { ...propertyOf(id, "romfile"), ifRefused: "nothing" as const },
    ])),
  );
  return new Set(ids.filter((id) => roms[id] === ""));
}
