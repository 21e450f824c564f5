/**
 * Test processes run side by side without seeing each other's taps and
 * bridges: each in a network namespace of its own.
 *
 * @module
 */

// /sys shows the network of the namespace in which it was mounted: it is
// mounted again.
const ENTER = 'mount -t sysfs sysfs /sys && ip link set lo up && exec "$@"';

/**
 * The command, to be run in a network namespace of its own (util-linux's
 * unshare; root).
 */
export function inOwnNetwork(command: readonly string[]): string[] {
  return [
    ...["unshare", "--net", "--mount", "--propagation", "private"],
    ...["sh", "-c", ENTER, "sh", ...command],
  ];
}

/** The network namespace of a process, as the kernel names it; none: it ended. */
export function networkOf(pid: number | "self"): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** The processes of a network namespace. */
export function processesIn(network: string): number[] {
  return [...Deno.readDirSync("/proc")]
    .map(({ name }) => Number(name))
    .filter((pid) => pid > 0 && networkOf(pid) === network);
}
