/**
 * A recorded NIC on QEMU's command line. Its tap is made beforehand, and opened
 * by its name: Ganeti passes fds, which a command line for people cannot.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import type { Hvparams } from "../state/hvparams.ts";
import type { NicEntry } from "../state/runtime.ts";
import { addressOf } from "./address.ts";
import { nicFrontendArguments, settingsAtStart } from "./nic.ts";
import { optionText } from "./option_text.ts";
import { titleOf } from "./select.ts";

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
