import { assertEquals, assertMatch } from "@std/assert";
import { permissionDenied } from "../../lib/errors.ts";
import { metricNames, nodeGauges } from "../../lib/inspect/gauges.ts";
import type {
  InstanceMeasure,
  NodeMeasure,
} from "../../lib/inspect/measure.ts";
import { expositionLines } from "../../lib/words/exposition.ts";

const VM: InstanceMeasure = {
  ...{ instance: "vm1", running: true, monitor: "answered" },
  ...{ runState: "running", devices: [], pending: [], differences: [] },
  ...{ attention: [], isInterrupted: false, buses: [], isWhole: true },
};

/** The samples about instances, without the names they have in common. */
function samplesOf(
  instances: readonly Partial<InstanceMeasure>[],
  more: Partial<NodeMeasure> = {},
): string[] {
  const all = instances.map((one) => ({ ...VM, ...one }));
  const node = { instances: all, lost: [], warnings: [], ...more };
  const times = { beganAtMs: 1_700_000_000_123, tookMs: 250 };
  const collection = {
    version: "1.2",
    ...times,
    compared: "presence",
  } as const;
  return expositionLines(nodeGauges(node, collection))
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/^kvm_hotplug_/, ""));
}

Deno.test("nodeGauges() tells of the collection", () => {
  assertEquals(samplesOf([]), [
    'build_info{version="1.2"} 1',
    "collection_success 1",
    "collection_timestamp_seconds 1700000000.123",
    "collection_duration_seconds 0.25",
    "compared_whole 0",
    "instances 0",
  ]);
  const fault = permissionDenied("Cannot read it");
  assertEquals(samplesOf([], { fault })[1], "collection_success 0");
});

Deno.test("nodeGauges() tells of an instance what is there", () => {
  assertEquals(samplesOf([{}]).slice(5), [
    "instances 1",
    'instance_success{vm="vm1"} 1',
    'instance_running{vm="vm1"} 1',
    'instance_monitor{vm="vm1",state="answered"} 1',
    'instance_run_state{vm="vm1",state="running"} 1',
    'interrupted_changes{vm="vm1"} 0',
  ]);
});

Deno.test("nodeGauges() has a sample for each state of QEMU", () => {
  // RunState of qapi/run-state.json of QEMU 10.0.
  const states = [
    ...["debug", "inmigrate", "internal-error", "io-error", "paused"],
    ...["postmigrate", "prelaunch", "finish-migrate", "restore-vm"],
    ...["running", "save-vm", "shutdown", "suspended", "watchdog"],
    ...["guest-panicked", "colo"],
  ];
  for (const runState of states) {
    const told = samplesOf([{ runState }]);
    const sample = `instance_run_state{vm="vm1",state="${runState}"} 1`;
    assertEquals(told.includes(sample), true, runState);
  }
});

Deno.test("nodeGauges() counts devices, differences and remarks", () => {
  const disk = { kind: "disk", status: "present" } as const;
  const one = {
    devices: [disk, disk, { kind: "nic", status: "differs" } as const],
    differences: ["tap-down", "tap-down"],
    attention: ["interrupted"],
    isInterrupted: true,
    isWhole: false,
  };
  const told = samplesOf([one]);
  const counts = /^(?:instance_success|devices|diff|attention|interrupted)/;
  assertEquals(told.filter((line) => counts.test(line)), [
    'instance_success{vm="vm1"} 0',
    'devices{vm="vm1",kind="disk",status="present"} 2',
    'devices{vm="vm1",kind="nic",status="differs"} 1',
    'differences{vm="vm1",code="tap-down"} 2',
    'attention{vm="vm1",code="interrupted"} 1',
    'interrupted_changes{vm="vm1"} 1',
  ]);
});

Deno.test("nodeGauges() tells since when a removal is pending, in seconds", () => {
  const requestedAtMs = 1_700_000_000_500;
  const pending = [{ kind: "disk", id: "disk-1-pci-13", requestedAtMs }];
  assertEquals(
    samplesOf([{ pending }]).filter((line) => line.startsWith("pending")),
    [
      'pending_removal_timestamp_seconds{vm="vm1",kind="disk",device="disk-1-pci-13"} 1700000000.5',
    ],
  );
});

Deno.test("nodeGauges() counts ports together, and the slots of each other bus", () => {
  const port = (bus: string, free: number) =>
    ({ bus, kind: "port", free }) as const;
  const buses = [
    { bus: "pci.0", kind: "root", free: 12 } as const,
    ...[port("rp3", 1), port("rp4", 0), port("rp5", 1)],
  ];
  assertEquals(
    samplesOf([{ buses }]).filter((line) => line.startsWith("free")),
    ['free_slots{vm="vm1",bus="pci.0"} 12', 'free_ports{vm="vm1"} 2'],
  );
  // Whatever answers in QEMU's place, the number of samples has a bound.
  const many = Array.from({ length: 1000 }, (_, i) => ({
    ...{ bus: `b${i}`, kind: "bridge", free: 1 } as const,
  }));
  const told = samplesOf([{ buses: many, runState: "x\ny" }]);
  assertEquals(told.filter((line) => line.startsWith("free")).length, 64);
  assertMatch(
    told.join("\n"),
    /^instance_run_state\{vm="vm1",state="other"\}/m,
  );
});

Deno.test("nodeGauges() tells of instances that were lost, and says nothing that only root knows", () => {
  const hidden = { instance: "vm2", running: null, isWhole: false };
  const { runState: _, ...none } = VM;
  const told = samplesOf([{ ...none, ...hidden, runState: undefined }], {
    lost: ["vm3"],
  });
  assertEquals(told.filter((line) => /^instances|^instance_[sr]/.test(line)), [
    "instances 2",
    'instance_success{vm="vm2"} 0',
    'instance_success{vm="vm3"} 0',
  ]);
});

Deno.test("docs/monitoring.md lists every metric", () => {
  const page = new URL("../../docs/monitoring.md", import.meta.url);
  const names = Deno.readTextFileSync(page)
    .matchAll(/^\| `(kvm_hotplug_\w+)`/gm).map(([, name]) => name);
  assertEquals([...names], metricNames());
});

Deno.test("rules and board use no metric that does not exist", () => {
  const folder = new URL("../../integrations/prometheus/", import.meta.url);
  const known = [...metricNames(), "kvm_hotplug_free_"];
  for (const name of ["rules.yml", "rules.test.yml", "grafana.json"]) {
    const text = Deno.readTextFileSync(new URL(`kvm-hotplug.${name}`, folder));
    const used = new Set(text.match(/\bkvm_hotplug_[a-z_]+/g));
    assertEquals(used.size > 5, true, name);
    assertEquals([...used].filter((one) => !known.includes(one)), [], name);
  }
});

Deno.test("metricNames() has every name once, in Prometheus's form", () => {
  const names = metricNames();
  assertEquals(new Set(names).size, names.length);
  // _total is the end of a counter's name, and there is none.
  const form = /^kvm_hotplug_[a-z]+(?:_[a-z]+)*(?<!_total|_count|_sum)$/;
  for (const name of names) assertMatch(name, form);
});
