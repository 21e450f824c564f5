/** A connection over ssh cut in mid-operation: promise 7. */
import { assert, assertEquals, equal } from "@std/assert";
import { SshServer } from "../../tools/guest/ssh_server.ts";
import { host } from "../lab/each_release.ts";
import { KillBench } from "./kill_bench.ts";
import { actAt, FULL, type KillPoint } from "./kill_points.ts";
import { type DeviceKind, type Scenario, scenario } from "./kill_scenario.ts";
import {
  commandOf,
  endsOf,
  expectSame,
  expectWhole,
  learn,
  mend,
  prepare,
  Tally,
} from "./kill_sweep.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";
import { testTools } from "../lab/vm.ts";

const tools = await testTools();

/** Where a connection is cut: before the first change, and amid them. */
const CUTS: Record<Scenario["verb"], readonly string[]> = {
  add: ["device_add", "reply to device_add"],
  remove: ["device_del", "reply to device_del", "DEVICE_DELETED"],
};

const TERMINALS = ["none", "pty"] as const;

/**
 * How the connections are made that are cut at a message: unless all is wanted,
 * the releases share them.
 *
 * @param release its index
 */
function terminalsOf(release: number, message: string) {
  const at = Object.values(CUTS).flat().indexOf(message);
  return TERMINALS.filter((_, k) => FULL || (at + release) % 2 === k);
}

/** Waits until nobody works on the instance any more. */
async function awaitLock({ runDir, vm }: KillBench, seconds: number) {
  const lock = `${runDir}/kvm-hotplug/${vm.name}.lock`;
  await host("flock", "-w", String(seconds), lock, "true");
}

/** Runs the tool over ssh and kills the ssh client at a point. */
async function cutAt(
  bench: KillBench,
  words: readonly string[],
  { server, point, terminal }: {
    server: SshServer;
    point: KillPoint;
    terminal: "pty" | "none";
  },
): Promise<void> {
  const line = [EXECUTABLE, ...words, "--run-dir", bench.runDir, "--json"];
  const client = server.session(line.join(" "), terminal);
  const output = client.output();
  const reached = await actAt(bench, point, {
    during: output,
    message: "pass",
    async act() {
      client.kill("SIGKILL");
      await client.status;
    },
  });
  const { stdout } = await output;
  assert(reached, `not reached: ${new TextDecoder().decode(stdout)}`);
  await awaitLock(bench, 20);
}

for (const [k, release] of tools.qemus.entries()) {
  Deno.test(`QEMU ${release.name}: an ssh connection is cut`, async (t) => {
    await using server = await SshServer.start();
    await using bench = await KillBench.open({ release, tools });
    const tally = new Tally();
    for (const kind of ["disk", "NIC on a bridge"] as DeviceKind[]) {
      for (const verb of ["add", "remove"] as const) {
        await t.step(`${kind} ${verb}`, async () => {
          const one = scenario(bench, kind, verb);
          const whole = await learn(bench, one);
          const { before, done } = endsOf(one, whole);
          for (const message of CUTS[verb]) {
            for (const terminal of terminalsOf(k, message)) {
              const title = `${kind} ${verb}, ${terminal}, at ${message}`;
              await tally.point(title, bench, async () => {
                await prepare(bench, one);
                const point = { when: "before", message } as const;
                await cutAt(bench, commandOf(one), { server, point, terminal });
                const now = await bench.state(one);
                // SIGHUP, or a closed pipe while the guest is slow, ends the
                // waiting: it is pending then.
                const pending = verb === "remove";
                const asBefore = equal(now, before);
                if (!asBefore && !pending) expectSame(now, done);
                await bench.checkBystanders();
                await mend(bench, one, "again");
                await expectWhole(bench, one, { whole, mender: "again" });
              });
            }
          }
        });
      }
    }
    tally.report("operations whose ssh connection was cut");
    await t.step("waiting for a silent guest ends at once", async () => {
      const one = scenario(bench, "disk", "remove");
      await prepare(bench, one);
      await bench.vm.guest("hotplug off");
      for (const terminal of ["none", "pty"] as const) {
        const words = [...one.remove, "--unplug-timeout", "600"];
        const point = {
          when: "after",
          message: "reply to device_del",
        } as const;
        await cutAt(bench, words, { server, point, terminal });
        const { json } = await tool(bench.vm, "list", bench.vm.name);
        const [status] = json.devices.flatMap((
          { id, status }: { id: string; status: string },
        ) => id === one.id ? [status] : []);
        assertEquals(status, "pending-removal");
      }
      await bench.vm.guest("hotplug on");
      await bench.expectTool(...one.remove);
    });
  });
}
