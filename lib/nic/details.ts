/**
 * A NIC in a few words.
 *
 * @module
 */

import type { DeviceView } from "../engine/plan.ts";
import { formatSize } from "../words/text.ts";

/** The network of a NIC that is recorded. */
function networkOf({ mode, link }: DeviceView): string | undefined {
  if (link) {
    return mode && mode !== "bridged" ? `${mode} on ${link}` : `on ${link}`;
  }
  if (mode === "routed") return "routed";
  return typeof mode === "string" ? "joined to no network" : undefined;
}

function rateText(rate: unknown): string | undefined {
  if (rate === null || typeof rate !== "object") return undefined;
  return Object.entries(rate).flatMap(([way, one]) =>
    typeof one === "number" ? `rate ${way} ${formatSize(one)}/s` : []
  ).join(", ");
}

/** Where it leads to, and how it behaves; falsy parts are left out. */
export function nicDetails(device: DeviceView): unknown[] {
  const { mac, tap, driver, queues, mtu, rate, migratable } = device;
  return [
    mac,
    tap && `tap ${tap}`,
    networkOf(device),
    driver,
    typeof queues === "number" && queues > 1 && `${queues} queues`,
    device.link_state === "down" && "link down",
    mtu && `MTU ${mtu}`,
    rateText(rate),
    migratable === false && "Ganeti cannot start it",
  ];
}
