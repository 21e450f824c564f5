/**
 * The least that operations on NICs need of the monitor.
 *
 * @module
 */

/** By operation. Nothing but HMP tells which network backends there are. */
export const NIC_NEEDS = {
  // The way to the tap may need more: ./tap.ts.
  "nic-add": [
    "netdev_add",
    "netdev_del",
    "device_add",
    "device_del",
    "human-monitor-command",
  ],
  // Replacing it needs what adding it does.
  "nic-modify": ["human-monitor-command"],
  "nic-remove": ["device_del", "netdev_del", "human-monitor-command"],
} as const;
