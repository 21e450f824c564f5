/**
 * Which network backend a NIC has.
 *
 * @module
 */

import type { NetdevFacts, QemuFacts } from "../plan/facts.ts";

/**
 * The backend of a NIC: the one that says so; of a NIC that is gone, the one
 * of the same name, as Ganeti names them (SPEC 3.1).
 */
export function netdevOf(
  { netdevs }: Pick<QemuFacts, "netdevs">,
  id: string,
): { readonly id: string; readonly facts: NetdevFacts } | undefined {
  for (const [name, facts] of netdevs) {
    if (facts.nic === id) return { id: name, facts };
  }
  const named = netdevs.get(id);
  return named && named.nic === undefined ? { id, facts: named } : undefined;
}
