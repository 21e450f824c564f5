/**
 * The metrics of a node. Pure.
 *
 * The label `vm` is the name of the instance: Prometheus uses the label
 * `instance` for the node that it asks. Only buses, codes, states and pending
 * removals that exist have a sample, so that a thousand instances stay cheap.
 *
 * @module
 */

import type { Gauge, Labels } from "../words/exposition.ts";
import type { InstanceMeasure, NodeMeasure } from "./measure.ts";

/** The collection itself. */
export interface Collection {
  /** The release of the tool. */
  readonly version: string;
  /** Its beginning, in milliseconds since 1970. */
  readonly beganAtMs: number;
  readonly tookMs: number;
  readonly compared: "presence" | "whole";
}

type Sample = Gauge["samples"][number];

/** RunState of qapi/run-state.json, up to QEMU 10. */
const RUN_STATES: readonly string[] = [
  ...["debug", "inmigrate", "internal-error", "io-error", "paused"],
  ...["postmigrate", "prelaunch", "finish-migrate", "restore-vm", "running"],
  ...["save-vm", "shutdown", "suspended", "watchdog", "guest-panicked", "colo"],
];

/** Most buses of one instance that have a sample. */
const MAX_BUSES = 64;

/** A truth as a number. */
function bit(is: boolean): number {
  return is ? 1 : 0;
}

/** How often each group of labels occurs. */
function counted(groups: readonly Labels[]): [Labels, number][] {
  const byText = Map.groupBy(groups, (one) => JSON.stringify(one));
  return [...byText.values()]
    .flatMap((all) => all[0] ? [[all[0], all.length]] : []);
}

/** The metrics about single instances: name, help, samples of one. */
const OF_INSTANCE: readonly {
  readonly name: string;
  readonly help: string;
  samples(one: InstanceMeasure): readonly Sample[];
}[] = [
  {
    name: "instance_success",
    help:
      "Whether everything about the instance could be read; 1 also for a VM that does not run.",
    samples: ({ isWhole }) => [[{}, bit(isWhole)]],
  },
  {
    name: "instance_running",
    help: "Whether the VM runs; no sample if only root can see that.",
    samples: ({ running }) => running === null ? [] : [[{}, bit(running)]],
  },
  {
    name: "instance_monitor",
    help:
      "Always 1; state tells whether QEMU answered: answered, held by another client, silent, none, stopped, unasked.",
    samples: ({ monitor }) => [[{ state: monitor }, 1]],
  },
  {
    name: "instance_run_state",
    help:
      "Always 1; state is the run state of QEMU, such as running or paused.",
    samples: ({ runState }) =>
      runState === undefined
        ? []
        : [[{ state: RUN_STATES.includes(runState) ? runState : "other" }, 1]],
  },
  {
    name: "devices",
    help:
      "Number of devices by kind and status, without the drives that the VM was started with; present: QEMU has the device, and no more was compared.",
    samples: ({ devices }) =>
      counted(devices.map(({ kind, status }) => ({ kind, status }))),
  },
  {
    name: "pending_removal_timestamp_seconds",
    help:
      "When the guest was last asked to release the device, which it has not released.",
    samples: ({ pending }) =>
      pending.map(({ kind, id, requestedAtMs }) => [
        { kind, device: id },
        requestedAtMs / 1000,
      ]),
  },
  {
    name: "differences",
    help: "Number of differences between runtime file, QEMU and node, by code.",
    samples: ({ differences }) =>
      counted(differences.map((code) => ({ code }))),
  },
  {
    name: "attention",
    help: "Number of problems that kvm-hotplug list shows, by code.",
    samples: ({ attention }) => counted(attention.map((code) => ({ code }))),
  },
  {
    name: "interrupted_changes",
    help: "Number of changes that were interrupted and not repaired.",
    samples: ({ isInterrupted }) => [[{}, bit(isInterrupted)]],
  },
  {
    name: "free_slots",
    help: "Number of free slots of each PCI bus that supports hotplug.",
    samples: ({ buses = [] }) =>
      buses.filter(({ kind }) => kind !== "port").slice(0, MAX_BUSES)
        .map(({ bus, free }) => [{ bus }, free]),
  },
  {
    name: "free_ports",
    help: "Number of free PCIe ports that support hotplug.",
    samples: ({ buses = [] }) => {
      const ports = buses.filter(({ kind }) => kind === "port");
      const free = ports.filter(({ free }) => free > 0).length;
      return ports.length === 0 ? [] : [[{}, free]];
    },
  },
];

function ofNode(
  { instances, lost, fault }: NodeMeasure,
  { version, beganAtMs, tookMs, compared }: Collection,
): Gauge[] {
  const one = (name: string, help: string, value: number): Gauge => ({
    name: `kvm_hotplug_${name}`,
    help,
    samples: [[{}, value]],
  });
  return [
    {
      name: "kvm_hotplug_build_info",
      help: "Always 1; version is the release of kvm-hotplug.",
      samples: [[{ version }, 1]],
    },
    one(
      "collection_success",
      "Whether the instances of this node could be listed, and root's data was not hidden.",
      bit(fault === undefined),
    ),
    one(
      "collection_timestamp_seconds",
      "When the collection began.",
      beganAtMs / 1000,
    ),
    one(
      "collection_duration_seconds",
      "How long the collection took.",
      tookMs / 1000,
    ),
    one(
      "compared_whole",
      "Whether everything was compared; 0: only whether QEMU has the recorded devices.",
      bit(compared === "whole"),
    ),
    one(
      "instances",
      "Number of instances of this node.",
      instances.length + lost.length,
    ),
  ];
}

/** The metrics of a node. */
export function nodeGauges(node: NodeMeasure, collection: Collection): Gauge[] {
  const { instances, lost } = node;
  return [
    ...ofNode(node, collection),
    ...OF_INSTANCE.map(({ name, help, samples }): Gauge => ({
      name: `kvm_hotplug_${name}`,
      help,
      samples: [
        ...instances.flatMap((one) =>
          samples(one).map(([labels, value]): Sample => [
            { vm: one.instance, ...labels },
            value,
          ])
        ),
        ...(name === "instance_success"
          ? lost.map((vm): Sample => [{ vm }, 0])
          : []),
      ],
    })),
  ];
}

/** The names of all metrics, for texts about them. */
export function metricNames(): string[] {
  const nothing = { instances: [], lost: [], warnings: [] };
  const collection = { version: "", beganAtMs: 0, tookMs: 0 };
  return nodeGauges(nothing, { ...collection, compared: "presence" })
    .map(({ name }) => name);
}
