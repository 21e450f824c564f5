/**
 * The number of queues of a virtio NIC if hvparam `virtio_net_queues` leaves it
 * open: SPEC 13. Pure.
 *
 * @module
 */

import { type AtStart, isParavirtual, settingsAtStart } from "../device/nic.ts";
import { HotplugError } from "../errors.ts";
import { netdevOf, type QemuFacts } from "../plan/facts.ts";
import { vcpusIn } from "../state/fixed_command.ts";
import type { Runtime } from "../state/runtime.ts";

/** The largest automatic number. */
const MOST_AUTO = 8;

interface Known {
  readonly runtime: Pick<Runtime, "hvparams" | "kvmCmd" | "nics">;
  readonly qemu: Pick<QemuFacts, "netdevs"> | undefined;
}

/**
 * The number of a running NIC, else from the processors; undefined: unknown.
 */
function autoQueues({ runtime, qemu }: Known): number | undefined {
  const running = runtime.nics.filter(({ hvinfo: { driver = "" } }) =>
    isParavirtual(driver)
  ).flatMap(({ hvinfo: { id = "" } }) =>
    qemu && netdevOf(qemu, id)?.facts.queues || []
  );
  const vcpus = vcpusIn(runtime.kvmCmd);
  return running[0] ?? (vcpus && Math.min(vcpus, MOST_AUTO));
}

/** The settings that a start gives a NIC of this driver. */
export function atStartOf(driver: string, known: Known): AtStart {
  return settingsAtStart(driver, known.runtime.hvparams, autoQueues(known));
}

/**
 * Its queues: with another number a migration's target ends itself.
 *
 * @throws {HotplugError} `bad-state-file` if the number is unknown
 */
export function expectQueues({ queues }: AtStart): number {
  if (queues !== undefined) return queues;
  throw new HotplugError(
    "bad-state-file",
    "The number of queues of a NIC is not known: hvparam virtio_net_queues has no number, and neither a running virtio NIC nor -smp in kvm_cmd shows the number",
    { hint: "give the number with nic add --queues N" },
  );
}
