/**
 * Three in the morning: five instances, one of them stopped, events in one
 * pane and changes in the other.
 */
import { saidIn } from "../support/document.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { TestTerminal } from "../lab/terminal.ts";
import { makeImage } from "../lab/each_release.ts";
import { EXECUTABLE, tool, type ToolResult } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";

const tools = await testTools();

const NAMES = ["db1", "mail", "web1", "web2", "web3"]
  .map((one) => `${one}.example.com`);

/** Longest wait of `list`, in milliseconds, and what the process costs. */
const DEADLINE_MS = 2000;
const SLACK_MS = 1500;

/** All of them on one node, of whatever releases there are. */
async function withNode(body: (vms: Vm[]) => Promise<void>): Promise<void> {
  const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-" });
  await using started = new AsyncDisposableStack();
  started.defer(() => Deno.remove(runDir, { recursive: true }));
  const vms = await Promise.all(NAMES.map(async (name, i) => {
    const release = tools.qemus[i % tools.qemus.length] ?? tools.qemus[0];
    if (release === undefined) throw new Error("no QEMU");
    return started.use(
      await Vm.start({ name, release, tools, runDir, guest: "none" }),
    );
  }));
  await body(vms);
}

// deno-lint-ignore no-explicit-any -- a test reads it as it likes
function attentions({ json }: ToolResult): Record<string, any> {
  return Object.fromEntries(
    // deno-lint-ignore no-explicit-any
    json.instances.map((one: any) => [one.instance, one]),
  );
}

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const begin = performance.now();
  return [await work, performance.now() - begin];
}

Deno.test("events in one pane, disk add in the other, and one VM stopped", async () => {
  await withNode(async (vms) => {
    const [db1, mail, web1] = vms;
    if (!db1 || !mail || !web1) throw new Error("too few instances");
    const env = {
      KVM_HOTPLUG_RUN_DIR: web1.runDir,
      PATH: `${EXECUTABLE.replace(/\/[^/]*$/, "")}:${Deno.env.get("PATH")}`,
    };
    Deno.kill(mail.pid, "SIGSTOP");
    try {
      await using events = await TestTerminal.start(
        ["sh", "-c", `trap : INT; kvm-hotplug events ${web1.name}; cat`],
        env,
      );
      const shell = await events.split(["env", "PS1=$ ", "sh"], env);
      const say = async (line: string) => {
        await shell.type(line);
        await shell.press("Enter");
      };
      const flap = async () => {
        await web1.qmp.execute("stop");
        await web1.qmp.execute("cont");
      };
      await until(async () => {
        await flap();
        return /RESUME/.test(await events.screen()) ? true : undefined;
      }, { what: "first event", everyMs: 50 });
      await makeImage(`${web1.runDir}/d1.img`, "night");
      await say(
        `kvm-hotplug disk add ${web1.name} ${web1.runDir}/d1.img --name data`,
      );
      await shell.see(/Added disk 0 "data"/);
      await events.see(
        /-- gap of \d+\.\d\d s: the monitor was used by kvm-hotplug/,
      );
      await flap();
      await events.see(/gap of[^]* STOP\n[^]* RESUME$/m);

      await say("clear; kvm-hotplug list");
      const screen = await shell.see(/web3\.example\.com +running/);
      assertMatch(screen, /^mail\.example\.com +stopped.*QEMU is stopped/m);
      assertMatch(screen, /^db1\.example\.com +running +0 +0$/m);
      const [listed, ms] = await timed(tool(web1, "list"));
      assert(ms < DEADLINE_MS, `${ms} ms`);
      const all = attentions(listed);
      assertEquals(Object.keys(all), NAMES);
      assertMatch(saidIn(all[mail.name].attention), /stopped.*kill -CONT/);
      assertEquals(all[db1.name].attention, []);
      // It is left alone, and said to be so: no second gap.
      assertEquals(all[web1.name].monitor, "held");
      assertMatch(
        saidIn(all[web1.name].attention),
        /in use by kvm-hotplug events web1/,
      );
      const gaps = (await events.screen()).match(/gap of/g);
      assertEquals(gaps?.length, 1);

      // Nothing shows that it is stopped: it is waited for, and no longer.
      await Deno.rename(mail.layout.pid, `${mail.layout.pid}.away`);
      const [blind, blindMs] = await timed(tool(web1, "list"));
      assert(blindMs < DEADLINE_MS + SLACK_MS, `${blindMs} ms`);
      const { monitor, attention } = attentions(blind)[mail.name];
      assertEquals(monitor, "silent");
      assertMatch(saidIn(attention), /does not answer/);
      assertEquals(attentions(blind)[db1.name].state, "running");
      await Deno.rename(`${mail.layout.pid}.away`, mail.layout.pid);
    } finally {
      Deno.kill(mail.pid, "SIGCONT");
    }
    await db1.qmp.execute("stop");
    const later = attentions(await tool(web1, "list"));
    assertEquals(
      NAMES.map((name) => later[name].state),
      ["paused", "running", "running", "running", "running"],
    );
    assertMatch(saidIn(later[db1.name].attention), /paused/);
  });
});
