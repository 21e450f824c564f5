/** The examples of `help COMMAND`, run as they stand there. */
import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { examplesOf } from "../../lib/words/options.ts";
import { host, makeImage } from "../lab/each_release.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";

const tools = await testTools();

/** What stands there for what a node has, and what there is here. */
function placesIn({ runDir, layout }: Vm): Record<string, string> {
  return {
    "/dev/xenvg/data1": `${runDir}/data1.img`,
    "/srv/d1.img": `${runDir}/d1.img`,
    "/srv/d2.img": `${runDir}/d2.img`,
    "/run/vm1.qmp": layout.qmp,
    "/var/lib/vm1.runtime": layout.runtime,
    "/var/lib/node_exporter": runDir,
    "/tmp/log": `${runDir}/log`,
    // What the tests' machine lacks, and what would take too long.
    " | jq '.devices[].status'": "",
    " | man -l -": " >/dev/null",
    "--for 60": "--for 0.1",
  };
}

/** Those that end otherwise here: no such device, nobody there, no time. */
const STATUS: Readonly<Record<string, number>> = {
  "kvm-hotplug disk set vm1.example.com cdrom1 --medium none": 3,
  "kvm-hotplug events vm1.example.com --until DEVICE_DELETED --for 60 --json":
    4,
};

/** What is no call; other shells, another node, a person at a terminal. */
const NOT_HERE = /^(?:#|eval|source|ssh) |fish|^kvm-hotplug events \S+$/;

async function runExample(line: string, vm: Vm): Promise<string | undefined> {
  let words = line;
  for (const [from, to] of Object.entries(placesIn(vm))) {
    words = words.replaceAll(from, to);
  }
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", words],
    env: {
      PATH: `${EXECUTABLE.replace(/\/[^/]*$/, "")}:${Deno.env.get("PATH")}`,
      KVM_HOTPLUG_RUN_DIR: vm.runDir,
    },
    stdin: "null",
  }).output();
  const expected = STATUS[line] ?? 0;
  if (code === expected) return undefined;
  const text = [stdout, stderr].map((one) => new TextDecoder().decode(one));
  return `${line}: status ${code}, not ${expected}: ${text.join("")}`;
}

Deno.test("the examples do what they say", async () => {
  const release = tools.qemus.at(-1);
  if (release === undefined) throw new Error("no QEMU");
  const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-" });
  const bridges = ["br0", "br1"];
  try {
    await using vm = await Vm.restored({
      ...{ release, tools, runDir, memoryMiB: 512 },
      extraArgs: ["--smp", "maxcpus=4", "--m", "slots=4,maxmem=16G"],
    });
    for (const name of ["data1", "d1", "d2"]) {
      await makeImage(`${runDir}/${name}.img`, name);
    }
    for (const bridge of bridges) {
      await host("ip", "link", "add", bridge, "type", "bridge");
    }
    const failed: (string | undefined)[] = [];
    // One after the other: each finds what those before it have made.
    const [others = [], removals = []] = [false, true].map((isRemoval) =>
      COMMANDS.filter(({ name }) => name.endsWith(" remove") === isRemoval)
    );
    for (const line of [...others, ...removals].flatMap(examplesOf)) {
      if (!NOT_HERE.test(line)) failed.push(await runExample(line, vm));
    }
    assertEquals(failed.filter((one) => one !== undefined), []);
  } finally {
    for (const bridge of bridges) {
      await host("ip", "link", "del", bridge).catch(() => {});
    }
    await Deno.remove(runDir, { recursive: true });
  }
});
