/** Buses whose hotplug is switched off: what is said beforehand is so. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { temporaryFolder } from "../lab/migrate.ts";
import { RpcClient } from "../lab/rpc_client.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";

const off = (device: string, property: string) => [
  "-global",
  `${device}.${property}=off`,
];
const ROOT = "acpi-root-pci-hotplug";
const BRIDGES = "acpi-pci-hotplug-with-bridge-support";
const BRIDGE = ["-device", "pci-bridge,id=br1,chassis_nr=1,shpc=on"];
/** A device that was there at the start, where `--force` could take it out. */
const STARTED = ["-device", "virtio-net-pci,id=nic-1234abcd-pci-9,addr=0x9"];
const PORTS = ["-device", "pcie-root-port,id=rp1,chassis=1,addr=0x5"];

/** Check, dry run and the call itself refuse alike, and change nothing. */
async function expectRefused(
  vm: Vm,
  { words, message }: { words: readonly string[]; message: RegExp },
): Promise<void> {
  const before = await snapshot(vm);
  for (const more of [["--dry-run"], []]) {
    const { status, json } = await tool(vm, ...words, ...more);
    assertEquals([status, json.error?.code], [3, "unsupported"], words.join());
    assertMatch(json.error.message, message);
  }
  assertEquals(await snapshot(vm), before);
}

/** The requirements of disks and NICs that are not met. */
async function unmet(vm: Vm): Promise<string[]> {
  const { status, json } = await tool(vm, "check", vm.name);
  const names = json.requirements
    .filter((one: { ok: boolean; for: string[] }) =>
      !one.ok && one.for.some((kind) => ["disk", "nic"].includes(kind))
    )
    .map((one: { name: string }) => one.name);
  assertEquals([status, json.supported], [
    names.length > 0 ? 3 : 0,
    names.length === 0,
  ]);
  return names;
}

async function image(vm: Vm): Promise<string> {
  const path = `${vm.runDir}/d.img`;
  await makeImage(path, "x");
  return path;
}

const NO_HOTPLUG = /Bus pci\.0 has no hotplug; buses with hotplug: /;

for (
  const [how, args, message, names] of [
    ["acpi=off", ["-machine", "acpi=off"], /needs ACPI, .* acpi=off/, [
      "acpi",
      "free-slot",
    ]],
    ["the root bus off", off("PIIX4_PM", ROOT), NO_HOTPLUG, ["free-slot"]],
  ] as const
) {
  eachRelease(
    `pc with ${how} takes and gives no device`,
    async (vm) => {
      assertEquals(await unmet(vm), [...names]);
      const disk = await image(vm);
      for (
        const words of [
          ["disk", "add", vm.name, disk],
          ["disk", "add", vm.name, disk, "--slot", "13"],
          ["nic", "add", vm.name],
        ]
      ) await expectRefused(vm, { words, message });
      await expectRefused(vm, {
        words: ["nic", "remove", vm.name, "nic-1234abcd-pci-9", "--force"],
        message: /Cannot remove NIC .*: bus pci\.0 has no hotplug/,
      });
    },
    { guest: "none", extraArgs: [...args, ...STARTED] },
  );
}

eachRelease(
  "a pc whose bridges have no hotplug says so of them alone",
  async (vm) => {
    assertEquals(await unmet(vm), []);
    const { json } = await tool(vm, "pci", vm.name);
    assertEquals(
      json.buses.map((one: { bus: string; hotplug: boolean }) => [
        one.bus,
        one.hotplug,
      ]),
      [["pci.0", true], ["br1", false]],
    );
    const words = ["disk", "add", vm.name, await image(vm), "--bus", "br1"];
    const message = /Bus br1 has no hotplug; buses with hotplug: pci\.0/;
    await expectRefused(vm, { words, message });
    assertEquals((await tool(vm, "nic", "add", vm.name)).status, 0);
  },
  {
    guest: "none",
    extraArgs: [
      ...off("PIIX4_PM", BRIDGES),
      ...["-device", "pci-bridge,id=br1,chassis_nr=1,shpc=off"],
    ],
  },
);

eachRelease(
  "a pc with hotplug behind its bridge only, --bus goes there",
  async (vm) => {
    // From 10.0 on, nothing is left of ACPI's hotplug then.
    const { json } = await tool(vm, "pci", vm.name);
    const [root, bridge] = json.buses;
    assertEquals([root.hotplug, root.free, bridge.hotplug], [false, [], true]);
    const words = ["nic", "add", vm.name];
    await expectRefused(vm, { words, message: /buses with hotplug: br1/ });
    const { status, json: { device } } = await tool(
      vm,
      ...[...words, "--bus", "br1"],
    );
    assertEquals([status, device.bus], [0, "br1"]);
  },
  { guest: "none", extraArgs: [...off("PIIX4_PM", ROOT), ...BRIDGE] },
);

eachRelease(
  "a q35 without ACPI takes no device whose guest would not see it",
  async (vm) => {
    assertEquals(await unmet(vm), ["acpi", "free-slot"]);
    const words = ["disk", "add", vm.name, await image(vm)];
    await expectRefused(vm, { words, message: /ports needs ACPI/ });
  },
  {
    guest: "none",
    machine: "q35",
    extraArgs: ["-machine", "acpi=off", ...PORTS],
  },
);

eachRelease(
  "a q35 whose ports have a hotplug of their own needs no ACPI",
  async (vm) => {
    assertEquals(await unmet(vm), []);
    assertEquals((await tool(vm, "nic", "add", vm.name)).status, 0);
  },
  {
    guest: "none",
    machine: "q35",
    extraArgs: ["-machine", "acpi=off", ...off("ICH9-LPC", BRIDGES), ...PORTS],
  },
);

const tools = await testTools();
for (const release of tools.qemus) {
  Deno.test(`QEMU ${release.name}: rpc asks a VM that was started again`, async () => {
    await using folder = await temporaryFolder();
    const options = {
      release,
      tools,
      runDir: folder.path,
      guest: "none",
    } as const;
    await using rpc = new RpcClient("--run-dir", folder.path);
    const supports = async (vm: Vm) => {
      const params = { instance: vm.name };
      const { result } = await rpc.call("hotplug_supported", params);
      return (result as { supported?: boolean } | undefined)?.supported;
    };
    const extraArgs = ["-machine", "acpi=off"];
    for (
      const [args, expected] of [
        [extraArgs, false],
        [[], true],
      ] as const
    ) {
      await using vm = await Vm.start({ ...options, extraArgs: args });
      // The second time by what is known of this QEMU.
      for (const _ of [1, 2]) assertEquals(await supports(vm), expected);
    }
  });
}
