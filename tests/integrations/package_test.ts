/** The packages: checked by lintian, upgraded, and removed without a rest. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ensurePackagers } from "../../tools/guest/monitoring.ts";
import { run } from "../../tools/guest/run.ts";
import { LEFT, UNITS } from "../../tools/package/contents.ts";
import { makeDeb, makeGanetiDeb } from "../../tools/package.ts";
import { makeRpm } from "../../tools/package/rpm.ts";
import {
  addPrograms,
  dpkg,
  filesBelow,
  leave,
  rpm,
  scratchRoot,
} from "../lab/packages.ts";
import { EXECUTABLE } from "../lab/tool.ts";

await ensurePackagers(console.log);

const LATER = "99.0";
const UNIT_FOLDER = new URL("../../integrations/prometheus/", import.meta.url)
  .pathname;

async function withFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-package-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Everything in a root, without the list of the packages themselves. */
async function everything(root: string): Promise<string[]> {
  return (await filesBelow(root)).map((path) => path.slice(root.length))
    .filter((path) => !/^\/var\/lib\/(?:dpkg|rpm)\//.test(path));
}

Deno.test("lintian finds no error in the Debian packages", async () => {
  await withFolder(async (folder) => {
    const debs = [
      await makeDeb(EXECUTABLE, folder),
      await makeGanetiDeb(folder),
    ];
    const how = ["--allow-root", "--no-cfg", "--fail-on", "error"];
    const said = await run("lintian", [...how, ...debs]);
    assertEquals(said.split("\n").filter((line) => /^E:/.test(line)), []);
  });
});

Deno.test("an upgraded and removed .deb leaves no file, and keeps an enabled timer", async () => {
  await withFolder(async (folder) => {
    const root = await scratchRoot(folder);
    await Deno.mkdir(`${root}/srv`);
    await Deno.writeTextFile(`${root}/srv/other`, "");
    const before = await everything(root);
    await dpkg(root, "--install", await makeDeb(EXECUTABLE, folder));
    const installed = await everything(root);
    assert(installed.includes("/usr/sbin/kvm-hotplug"));
    await leave(root);
    const used = await everything(root);
    await dpkg(root, "--install", await makeDeb(EXECUTABLE, folder, LATER));
    assertEquals(await everything(root), used);
    await dpkg(root, "--remove", "kvm-hotplug");
    assertEquals(await everything(root), before);
    await dpkg(root, "--purge", "kvm-hotplug");
    assertEquals(await everything(root), before);
  });
});

Deno.test("an .rpm has its files, is upgraded, and leaves no file", async () => {
  await withFolder(async (folder) => {
    const made = await makeRpm(EXECUTABLE, folder);
    const listed = await run("rpm", ["-qpl", "--nosignature", made]);
    const files = listed.trim().split("\n");
    assertEquals(files, [
      ...[...UNITS].sort().map((name) => `/usr/lib/systemd/system/${name}`),
      "/usr/sbin/kvm-hotplug",
      "/usr/share/bash-completion/completions/kvm-hotplug",
      "/usr/share/fish/vendor_completions.d/kvm-hotplug.fish",
      "/usr/share/licenses/kvm-hotplug",
      "/usr/share/licenses/kvm-hotplug/LICENSE",
      "/usr/share/man/man8/kvm-hotplug.8.gz",
      "/usr/share/zsh/site-functions/_kvm-hotplug",
    ]);
    const root = `${folder}/root`;
    await Deno.mkdir(root);
    await addPrograms(root, ["/bin/sh", "/bin/rm"]);
    await rpm(root, "--initdb");
    const before = await everything(root);
    await rpm(root, "--install", "--nodeps", made);
    const installed = await everything(root);
    const added = installed.filter((path) => !before.includes(path));
    assertEquals(added, files.filter((one) => !/licenses.*hotplug$/.test(one)));
    const tool = `${root}/usr/sbin/kvm-hotplug`;
    assertMatch(await run(tool, ["--version"]), /^kvm-hotplug /);
    await leave(root);
    const used = await everything(root);
    const later = await makeRpm(EXECUTABLE, folder, LATER);
    await rpm(root, "--upgrade", "--nodeps", later);
    assertEquals(await everything(root), used);
    assertMatch(await rpm(root, "--query", "kvm-hotplug"), /-99\.0-1\./);
    await rpm(root, "--erase", "kvm-hotplug");
    assertEquals(await everything(root), before);
  });
});

Deno.test("the service runs what the package has, and the timer is not enabled by it", async () => {
  const [timer, service] = await Promise.all(
    UNITS.map((name) => Deno.readTextFile(UNIT_FOLDER + name)),
  );
  assertMatch(timer ?? "", /^\[Install\]\nWantedBy=timers\.target$/m);
  const [, output = ""] = /^Environment=OUTPUT=(.*)$/m.exec(service ?? "") ??
    [];
  assert(LEFT.some((path) => `/${path}` === output), output);
  const [, line = ""] = /^ExecStart=(.*)$/m.exec(service ?? "") ?? [];
  const [program, ...words] = line.split(" ");
  assertEquals(program, "/usr/sbin/kvm-hotplug");
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/run`);
    const path = `${folder}/kvm-hotplug.prom`;
    const args = words.map((word) => word.replace("${OUTPUT}", path));
    await run(EXECUTABLE, args, {
      env: { KVM_HOTPLUG_RUN_DIR: `${folder}/run` },
    });
    assertMatch(
      await Deno.readTextFile(path),
      /^kvm_hotplug_collection_success 1$/m,
    );
    // As on a node: with the program in its place, and without its page.
    for (const name of UNITS) {
      const text = await Deno.readTextFile(UNIT_FOLDER + name);
      const here = text.replace("/usr/sbin/kvm-hotplug", EXECUTABLE)
        .replace(/^Documentation=.*\n/m, "");
      await Deno.writeTextFile(`${folder}/${name}`, here);
    }
    const units = UNITS.map((name) => `${folder}/${name}`);
    await run("systemd-analyze", ["verify", ...units]);
  });
});
