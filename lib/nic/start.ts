/**
 * A recorded NIC on QEMU's command line. Its tap is made before, and opened by
 * its name: Ganeti passes fds, which is not possible in a command line for
 * people.
 *
 * @module
 */

import { remark, unsupported } from "../errors.ts";
import type { NicEntry } from "../state/runtime.ts";
import { hvinfoFault, recordedArguments } from "../device/hvinfo.ts";
import { nicDeviceArguments } from "../device/nic.ts";
import { optionText } from "../state/option_text.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import { bootProperty } from "../plan/boot.ts";
import { netdevOf } from "../plan/facts.ts";
import type { StartFacts, StartWords } from "../plan/kind.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { Runtime } from "../state/runtime.ts";
import { tapOf } from "./files.ts";
import { readProperty } from "./live.ts";
import { atStartOf, expectQueues } from "./queues.ts";

/** The words that start QEMU with a NIC. */
function startNic(
  nic: NicEntry,
  facts: StartFacts,
  rom: "default" | "none",
): string[] {
  const { hvinfo: { id, driver }, mac } = nic;
  if (id === undefined || driver === undefined || mac === undefined) {
    throw unsupported(
      `Cannot start the VM with ${
        titleOf(nic)
      }: the runtime file does not have ${
        mac === undefined ? "its MAC" : "its place in the VM"
      }`,
      "run adopt while the VM runs: it records these values if it can",
    );
  }
  const isVirtio = driver.startsWith("virtio");
  const atStart = atStartOf(driver, facts);
  const live = facts.qemu && netdevOf(facts.qemu, id)?.facts;
  const queues = (isVirtio && live?.queues) || expectQueues(atStart);
  const netdev = {
    type: "tap",
    id,
    ifname: tapOf(facts, nic) ?? `tap${nic.index}`,
    script: "no",
    downscript: "no",
    ...(atStart.vhost === "on" ? { vhost: true } : {}),
    ...(queues > 1 ? { queues } : {}),
    // Without headers the guest gets fewer features: this must stay the same.
    ...(isVirtio && atStart.vnetHdr === "off" ? { vnet_hdr: false } : {}),
  };
  const address = recordedArguments(nic);
  const fault = hvinfoFault(nic);
  if (fault !== undefined) {
    throw unsupported(`Cannot start the VM with ${titleOf(nic)}: ${fault}`);
  }
  const device = nicDeviceArguments(
    { id, driver, mac, queues },
    { address, rom },
  );
  const { runtime } = facts;
  const boot = nic === runtime.nics[0] ? bootProperty(runtime, "network") : {};
  return [
    ...["-netdev", optionText(netdev, "type")],
    ...["-device", optionText({ ...device, ...boot }, "driver")],
  ];
}

/**
 * The words of all NICs. Pure.
 *
 * @param romless ids of NICs that were plugged without an option ROM
 * @throws {HotplugError} `unsupported` for a NIC that no start can have
 */
export function startNics(
  facts: StartFacts,
  romless: ReadonlySet<string>,
): StartWords {
  const { nics } = facts.runtime;
  return {
    argv: nics.flatMap((nic) => {
      const isRomless = romless.has(nic.hvinfo.id ?? "");
      return startNic(nic, facts, isRomless ? "none" : "default");
    }),
    warnings: nics.filter((nic) => tapOf(facts, nic) === undefined).map((nic) =>
      remark(
        "tap-unknown",
        `the tap of ${
          titleOf(nic)
        } is not known: the command line names tap${nic.index} instead`,
        { device: nameOfEntry(nic) },
      )
    ),
  };
}

/** Ids of the NICs without an option ROM. */
export async function readRomless(
  qmp: QmpSession,
  { nics }: Runtime,
): Promise<Set<string>> {
  const roms = await readProperty(
    qmp,
    nics.flatMap(({ hvinfo: { id } }) => id ?? []),
    "romfile",
  );
  return new Set([...roms.keys()].filter((id) => roms.get(id) === ""));
}
