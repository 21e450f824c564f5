/**
 * integrations/prometheus: Debian's node_exporter and Prometheus read the
 * metrics of a real VM, by the rules and the board that are there.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { ensureMonitoring } from "../../tools/guest/monitoring.ts";
import { run } from "../../tools/guest/run.ts";
import { makeImage } from "../lab/each_release.ts";
import { resultOf, spawnTool, tool } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";

const { prometheus, promtool, nodeExporter } = await ensureMonitoring(
  console.log,
);
const { qemus: [release], kernel, initrd, ...tools } = await testTools();

const FOLDER = new URL("../../integrations/prometheus/", import.meta.url)
  .pathname;
const RULES = `${FOLDER}kvm-hotplug.rules.yml`;

async function withFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-prom-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The output of promtool for a text on its stdin. */
async function checkMetrics(text: string): Promise<string> {
  const child = new Deno.Command(promtool, {
    args: ["check", "metrics"],
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stderr } = await child.output();
  return `${code} ${new TextDecoder().decode(stderr)}`;
}

/** A daemon that is ended with the test. */
function daemon(program: string, ...args: string[]): AsyncDisposable {
  const child = new Deno.Command(program, {
    ...{ args, stdin: "null", stdout: "null", stderr: "null" },
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** A page of a daemon, when it is there. */
async function page(url: string): Promise<string> {
  return await until(async () => {
    try {
      const answer = await fetch(url);
      const text = await answer.text();
      return answer.ok ? text : undefined;
    } catch {
      return undefined;
    }
  }, { timeoutMs: 30_000, what: `page ${url}`, everyMs: 200 });
}

const EXPORTER = "127.0.0.1:9100";
const SERVER = "127.0.0.1:9090";

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** What Prometheus answers to a query. */
async function query(text: string): Promise<Series[]> {
  const url = `http://${SERVER}/api/v1/query?query=${encodeURIComponent(text)}`;
  const { status, data } = JSON.parse(await page(url));
  assertEquals(status, "success", text);
  return data.result;
}

/** The value of the only series of a query, once it is so. */
async function becomes(text: string, value: string): Promise<Series> {
  return await until(async () => {
    const [found, ...more] = await query(text);
    return more.length === 0 && found?.value[1] === value ? found : undefined;
  }, { timeoutMs: 30_000, what: `${text} = ${value}`, everyMs: 200 });
}

Deno.test("the alert rules fire when they should", async () => {
  assertMatch(await run(promtool, ["check", "rules", RULES]), /SUCCESS/);
  const file = `${FOLDER}kvm-hotplug.rules.test.yml`;
  assertMatch(await run(promtool, ["test", "rules", file]), /SUCCESS/);
  const rules = await Deno.readTextFile(RULES);
  const tests = await Deno.readTextFile(file);
  for (const [, name = ""] of rules.matchAll(/alert: (\w+)/g)) {
    assert(tests.includes(`alertname: ${name}`), `no test of ${name}`);
  }
});

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
  readonly targets: readonly { readonly expr: string }[];
}

Deno.test("every query of the board is one of Prometheus", async () => {
  const text = await Deno.readTextFile(`${FOLDER}kvm-hotplug.grafana.json`);
  const { panels, templating } = JSON.parse(text) as {
    panels: Panel[];
    templating: { list: { name: string }[] };
  };
  assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
  const names = templating.list.map(({ name }) => name);
  const used = text.matchAll(/\$\{?([a-z]\w*)/g).map(([, name = ""]) => name);
  assertEquals([...used].filter((name) => !names.includes(name)), []);
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert(x >= 0 && x + w <= 24, title);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        const place = `${column} ${row}`;
        assert(!taken.has(place), `${title} covers another panel`);
        taken.add(place);
      }
    }
  }
  const all = panels.flatMap(({ targets }) => targets);
  assert(all.length >= panels.length);
  const rules = all.map(({ expr }, i) => ({
    record: `board:${i}`,
    expr: expr.replaceAll(/\$\w+/g, ".*"),
  }));
  await withFolder(async (folder) => {
    const file = `${folder}/board.yml`;
    const group = { groups: [{ name: "board", rules }] };
    await Deno.writeTextFile(file, JSON.stringify(group));
    const said = await run(promtool, ["check", "rules", file]);
    assertMatch(said, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });
});

async function configure(folder: string): Promise<string> {
  const path = `${folder}/prometheus.yml`;
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [RULES],
    scrape_configs: [
      { job_name: "node", static_configs: [{ targets: [EXPORTER] }] },
    ],
  };
  await Deno.writeTextFile(path, JSON.stringify(config));
  return path;
}

Deno.test("node_exporter and Prometheus read the metrics of a real VM", async () => {
  if (release === undefined) throw new Error("no QEMU");
  await withFolder(async (folder) => {
    const options = {
      ...{ release, runDir: folder },
      tools: { qemus: [release], kernel, initrd, ...tools },
    };
    await using vm = await Vm.restored(options);
    const textfiles = `${folder}/textfiles`;
    await Deno.mkdir(textfiles);
    const file = `${textfiles}/kvm-hotplug.prom`;
    const collect = async (...more: string[]) => {
      const words = ["metrics", "--output", file, ...more];
      const { status, stderr } = await resultOf(spawnTool(vm, words));
      assertEquals([status, stderr], [0, ""]);
    };
    await collect();
    assertEquals(await checkMetrics(await Deno.readTextFile(file)), "0 ");
    await using _exporter = daemon(
      nodeExporter,
      ...["--collector.disable-defaults", "--collector.textfile"],
      `--collector.textfile.directory=${textfiles}`,
      `--web.listen-address=${EXPORTER}`,
    );
    const exported = await page(`http://${EXPORTER}/metrics`);
    assertMatch(exported, /^node_textfile_scrape_error 0$/m);
    const config = await configure(folder);
    await using _server = daemon(
      prometheus,
      ...[`--config.file=${config}`, `--storage.tsdb.path=${folder}/tsdb`],
      `--web.listen-address=${SERVER}`,
    );
    // The label of the node and the label of the VM stay apart.
    const { metric } = await becomes("kvm_hotplug_instance_running", "1");
    assertEquals([metric.vm, metric.instance], [vm.name, EXPORTER]);

    const image = `${folder}/d1.img`;
    await makeImage(image, "watched");
    const disks = 'sum(kvm_hotplug_devices{kind="disk",status="present"})';
    const [before] = await query(disks);
    const [free] = await query('kvm_hotplug_free_slots{bus="pci.0"}');
    const added = await tool(vm, "disk", "add", vm.name, image);
    assertEquals(added.status, 0, added.stdout);
    await collect();
    assertEquals(await checkMetrics(await Deno.readTextFile(file)), "0 ");
    await becomes(disks, `${Number(before?.value[1] ?? 0) + 1}`);
    const left = Number(free?.value[1]) - 1;
    await becomes('kvm_hotplug_free_slots{bus="pci.0"}', `${left}`);

    await collect("--whole");
    assertEquals(await checkMetrics(await Deno.readTextFile(file)), "0 ");
    await becomes("kvm_hotplug_compared_whole", "1");
    await becomes('sum(kvm_hotplug_devices{status="ok"}) > 0', "1");

    const { data } = JSON.parse(await page(`http://${SERVER}/api/v1/rules`));
    const rules: { name: string; health: string; state: string }[] =
      data.groups[0].rules;
    assertEquals(rules.length > 0, true);
    for (const { name, health, state } of rules) {
      assertEquals([name, health, state], [name, "ok", "inactive"]);
    }
  });
});

Deno.test("node_exporter drops a file with a type of a later format", async () => {
  await withFolder(async (folder) => {
    const text = "# TYPE a info\na 1\n";
    await Deno.writeTextFile(`${folder}/a.prom`, text);
    await using _exporter = daemon(
      nodeExporter,
      ...["--collector.disable-defaults", "--collector.textfile"],
      `--collector.textfile.directory=${folder}`,
      `--web.listen-address=${EXPORTER}`,
    );
    const exported = await page(`http://${EXPORTER}/metrics`);
    assertMatch(exported, /^node_textfile_scrape_error 1$/m);
    assertEquals(/^a 1$/m.test(exported), false);
  });
});
