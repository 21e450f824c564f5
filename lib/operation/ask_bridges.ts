/**
 * What a live QEMU is asked about its PCI bridges.
 *
 * @module
 */

import {
  type BridgeProperties,
  busBehind,
  hotplugProperty,
  type PciBus,
} from "../device/pci_bus.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { PciDevice } from "../qmp/pci_query.ts";
import { bridgeQueries } from "../qmp/device_queries.ts";

/** Asks for all bridges in one go, and tells of the buses behind them. */
export async function askBridges(
  qmp: QmpSession,
  bridges: readonly PciDevice[],
  root: PciBus,
): Promise<PciBus[]> {
  const queries = bridges.map((bridge) =>
    bridgeQueries(bridge.id, hotplugProperty(bridge))
  );
  const each = queries[0]?.length ?? 0;
  const replies = await qmp.send(queries.flat());
  const values = await replies();
  return bridges.map((bridge, i) => {
    const [hotplug, handler, port, children] = values.slice(i * each);
    const properties: BridgeProperties = {
      hotplug: typeof hotplug === "boolean" ? hotplug : undefined,
      handler: typeof handler === "string" ? handler : "",
      port: typeof port === "number" ? port : undefined,
      devices: hasDevices(children) ? "some" : "none",
    };
    return busBehind(bridge, { properties, root });
  });
}

/** A bus has a link `child[N]` to each device on it: hw/core/qdev.c. */
function hasDevices(children: unknown): boolean {
  return Array.isArray(children) &&
    children.some((one) => String(one?.name).startsWith("child["));
}
