/**
 * How many queues a virtio NIC gets where hvparam `virtio_net_queues` leaves
 * that open: SPEC 13. Pure.
 *
 * @module
 */

import { type AtStart, isParavirtual, settingsAtStart } from "../device/nic.ts";
import { HotplugError } from "../errors.ts";
import { netdevOf, type QemuFacts } from "../plan/facts.ts";
import { vcpusIn } from "../state/fixed_command.ts";
import type { Runtime } from "../state/runtime.ts";

/** No more come by themselves. */
const MOST_AUTO = 8;

interface Known {
  readonly runtime: Pick<Runtime, "hvparams" | "kvmCmd" | "nics">;
  readonly qemu: Pick<QemuFacts, "netdevs"> | undefined;
}

/** A running NIC's, else by the processors; undefined: nothing tells. */
function autoQueues({ runtime, qemu }: Known): number | undefined {
  const running = runtime.nics.filter(({ hvinfo: { driver = "" } }) =>
    isParavirtual(driver)
  ).flatMap(({ hvinfo: { id = "" } }) =>
    qemu && netdevOf(qemu, id)?.facts.queues || []
  );
  const vcpus = vcpusIn(runtime.kvmCmd);
  return running[0] ?? (vcpus && Math.min(vcpus, MOST_AUTO));
}

/** What a start gives a NIC of this driver. */
export function atStartOf(driver: string, known: Known): AtStart {
  return settingsAtStart(driver, known.runtime.hvparams, autoQueues(known));
}

/**
 * Its queues: with another number a migration's target ends itself.
 *
 * @throws {HotplugError} `bad-state-file` if nothing tells how many
 */
export function expectQueues({ queues }: AtStart): number {
  if (queues !== undefined) return queues;
  throw new HotplugError(
    "bad-state-file",
    "The number of queues of a NIC is not known: hvparam virtio_net_queues has no number, and neither a running virtio NIC nor -smp in kvm_cmd shows the number",
    { hint: "give the number with nic add --queues N" },
  );
}
