/** Fifty calls at once on one instance. */
import { assertEquals } from "@std/assert";
import { makeImage } from "../lab/each_release.ts";
import { KillBench } from "./kill_bench.ts";
import { interfaces } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import { testTools } from "../lab/vm.ts";

const tools = await testTools();

/** Two cores serve fifty processes one after the other. */
const PATIENCE = ["--lock-timeout", "60", "--timeout", "60"];

const uuid = (n: number) =>
  `e00000${String(n).padStart(2, "0")}-0000-4000-8000-000000000000`;

/** Adds disks (even numbers) and NICs (odd ones). */
async function additions(bench: KillBench, numbers: readonly number[]) {
  const { vm, runDir, bridge } = bench;
  return await Promise.all(numbers.map(async (n) => {
    const image = `${runDir}/d${n}.img`;
    await makeImage(image, `disk ${n}`);
    const words = n % 2 === 0
      ? ["disk", "add", vm.name, image]
      : ["nic", "add", vm.name, "--link", bridge];
    return [...words, "--uuid", uuid(n), ...PATIENCE];
  }));
}

function removals({ vm }: KillBench, numbers: readonly number[]) {
  return numbers.map((n) => [
    ...[n % 2 === 0 ? "disk" : "nic", "remove", vm.name, uuid(n)],
    ...PATIENCE,
  ]);
}

/** Every k-th of some, then every k-th of the others, and so on. */
function interleave<T>(...lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, k) => k)
    .flatMap((k) => lists.flatMap((list) => list.slice(k, k + 1)));
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, k) => from + k);

for (const release of tools.qemus) {
  Deno.test(`QEMU ${release.name}: fifty calls at once`, async () => {
    await using bench = await KillBench.open({ release, tools });
    const { vm } = bench;
    const old = range(0, 6);
    const fresh = range(6, 16);
    for (const words of await additions(bench, old)) {
      await bench.expectTool(...words);
    }
    const before = interfaces();
    const calls = interleave(
      await additions(bench, fresh),
      // Each twice: the second finds nothing to do.
      removals(bench, [...old, ...old]),
      Array.from({ length: 16 }, () => ["list", vm.name, ...PATIENCE]),
      Array.from({ length: 12 }, () => [
        ...["nic", "add", vm.name, "--dry-run", ...PATIENCE],
      ]),
    );
    assertEquals(calls.length, 50);

    const results = await Promise.all(calls.map((words) => tool(vm, ...words)));

    const failed = results.flatMap(({ status, stdout }, k) =>
      status === 0 ? [] : [`${calls[k]?.join(" ")}: ${status} ${stdout}`]
    );
    assertEquals(failed, []);
    const changed = (word: string) =>
      results.filter(({ json }) => json.action === word && json.changed);
    assertEquals(changed("add").length, fresh.length);
    assertEquals(changed("remove").length, old.length);

    const { json } = await tool(vm, "list", vm.name);
    const devices: Record<string, string | number>[] = json.devices;
    const ours = devices.filter((one) => String(one.uuid).startsWith("e00000"));
    assertEquals(
      ours.map((one) => one.uuid).sort(),
      fresh.map(uuid),
    );
    assertEquals(devices.filter((one) => one.status !== "ok"), []);
    assertEquals(new Set(devices.map(({ slot }) => slot)).size, devices.length);

    const taps = ours.flatMap(({ tap }) => tap === undefined ? [] : [tap]);
    const gone = 3;
    assertEquals(taps.length, 5);
    assertEquals(interfaces().length, before.length - gone + taps.length);
    const nics = devices.filter(({ kind }) => kind === "nic");
    const files = nics.map((_, seq) =>
      Deno.readTextFileSync(`${vm.layout.nic}/${seq}`)
    );
    assertEquals(files, nics.map(({ tap }) => tap));
    await bench.checkBystanders();
    // The guest has them all, too: the bystander and five disks, and NICs.
    await vm.waitGuest("test $(ls -d /sys/block/vd? | wc -l) -eq 6");
    await vm.waitGuest("test $(ls -d /sys/class/net/eth* | wc -l) -eq 6");
  });
}
