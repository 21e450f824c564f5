/** The collection by Ansible's own checks, and its tar file. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ensureAnsible, SANITY } from "../../tools/guest/ansible.ts";
import { Controller } from "../lab/ansible.ts";

await ensureAnsible(console.error);
const PYTHON = "/usr/bin/python3";

/** Files below a folder, by their paths from there. */
function filesIn(folder: string, below = ""): string[] {
  return [...Deno.readDirSync(`${folder}/${below}`)].flatMap((one) => {
    const path = `${below}${one.name}`;
    return one.isDirectory ? filesIn(folder, `${path}/`) : [path];
  }).sort();
}

/** The one thing that ansible-test asks of all: the project is under MIT. */
const LICENSE = "missing-gplv3-license";

Deno.test("Ansible's own checks find nothing in the collection", async (t) => {
  await using controller = await Controller.start([]);
  const { collection } = controller;
  const files = filesIn(collection);
  const below = (folder: string) =>
    files.filter((path) => path.startsWith(`plugins/${folder}/`));
  const modules = below("modules");
  assertEquals(modules.length, 6);
  /** A program in the collection's folder, as ansible-test starts it. */
  const check = async (args: readonly string[], input = "") => {
    const child = new Deno.Command(args[0] ?? "", {
      args: args.slice(1),
      env: controller.environment,
      cwd: collection,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  };

  await t.step("validate-modules", async () => {
    const { stdout, stderr } = await check([
      ...[PYTHON, `${SANITY}/validate-modules/validate.py`],
      ...["--format", "json", "--arg-spec", "--collection"],
      ...["ansible_collections/kvm_hotplug/node", ...modules],
    ]);
    assertEquals(stderr, "");
    const told: Record<string, { errors: { code: string; msg: string }[] }> =
      JSON.parse(stdout);
    assertEquals(Object.keys(told).toSorted(), modules);
    const errors = Object.values(told).flatMap((one) => one.errors);
    assertEquals(errors.filter(({ code }) => code !== LICENSE), []);
  });

  await t.step("yamllint", async () => {
    const yaml = files.filter((path) => /\.ya?ml$/.test(path));
    assert(yaml.length >= 5);
    const { stdout, stderr } = await check(
      [PYTHON, `${SANITY}/yamllint/yamllinter.py`],
      [...modules, ...below("doc_fragments"), ...yaml].join("\n"),
    );
    assertEquals([stderr, JSON.parse(stdout).messages], ["", []]);
  });

  await t.step("pep8", async () => {
    const ignored =
      (await Deno.readTextFile(`${SANITY}/pep8/current-ignore.txt`))
        .split("\n").filter((line) => /^[EW]\d/.test(line));
    const python = files.filter((path) => path.endsWith(".py"));
    const { stdout, stderr } = await check([
      ...[PYTHON, "-m", "pycodestyle", "--max-line-length", "160"],
      ...["--config", "/dev/null", "--ignore", ignored.join(","), ...python],
    ]);
    assertEquals([stdout, stderr], ["", ""]);
  });

  await t.step("ansible-doc shows every module and its options", async () => {
    const names = modules.map((path) =>
      `kvm_hotplug.node.${path.replace(/^.*\/|\.py$/g, "")}`
    );
    const { code, stdout, stderr } = await check(["ansible-doc", ...names]);
    assertEquals([code, stderr], [0, ""]);
    const shown = stdout.match(/^- unplug_timeout$/gm)?.length;
    assertEquals(shown, modules.length);
    const role = ["ansible-doc", "-t", "role", "kvm_hotplug.node.install"];
    assertMatch((await check(role)).stdout, /install_kvm_hotplug_version/);
  });

  await t.step("ansible-lint", async () => {
    const { code, stdout, stderr } = await check(
      ["ansible-lint", "--offline", "--nocolor", "-p"],
    );
    assertEquals(code, 0, stdout + stderr);
  });
});
