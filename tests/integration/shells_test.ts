import { assertEquals } from "@std/assert";
import { EXECUTABLE } from "../lab/tool.ts";
import { cli, Instance, NAME } from "../lab/scripted_instance.ts";
import { TestTerminal } from "../lab/terminal.ts";

/** A folder in which the executable has its name, for PATH. */
async function withExecutable(
  body: (env: Record<string, string>) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-shell-" });
  await using vm = new Instance();
  try {
    await Deno.symlink(EXECUTABLE, `${folder}/kvm-hotplug`);
    await body({
      PATH: `${folder}:${Deno.env.get("PATH")}`,
      HOME: folder,
      KVM_HOTPLUG_RUN_DIR: vm.runDir,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function shell(
  [program = "", ...args]: readonly string[],
  env: Record<string, string>,
): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    env,
    clearEnv: true,
    stdin: "null",
  }).output();
  const errors = new TextDecoder().decode(stderr);
  assertEquals({ success, errors }, { success: true, errors: "" });
  return new TextDecoder().decode(stdout).trim().split("\n").sort();
}

/** What bash offers for a line, by the function it was given. */
const BASH = `
eval "$(kvm-hotplug completion bash)"
compopt() { echo "compopt $*"; }
COMP_LINE=$1 COMP_POINT=\${#1}
_kvm_hotplug
printf '%s\\n' "\${COMPREPLY[@]}"
`;

Deno.test("completion bash completes in a real bash", async () => {
  await withExecutable(async (env) => {
    const at = (line: string) =>
      shell(["bash", "-c", BASH, "bash", `kvm-hotplug ${line}`], env);
    assertEquals(await at("disk rem"), ["remove"]);
    assertEquals(await at("list "), [NAME]);
    assertEquals((await at(`disk remove ${NAME} `))[0], "0");
    assertEquals(await at("disk add --cache=wri"), [
      "writeback",
      "writethrough",
    ]);
    assertEquals(
      await at("disk add x /de"),
      ["", "compopt -o default"].slice(1),
    );
  });
});

Deno.test("completion zsh completes in a real zsh", async () => {
  await withExecutable(async (env) => {
    await using terminal = await TestTerminal.start(["zsh", "-f"], env);
    await terminal.type("autoload -Uz compinit; compinit -D; PS1='> '; clear");
    await terminal.press("Enter");
    await terminal.see(/^> *$/m);
    await terminal.type("source <(kvm-hotplug completion zsh); clear");
    await terminal.press("Enter");
    await terminal.see(/^> *$/m);
    await terminal.type("kvm-hotplug disk rem");
    await terminal.press("Tab");
    await terminal.see(/^> kvm-hotplug disk remove$/m);
    await terminal.type("vm");
    await terminal.press("Tab");
    await terminal.see(new RegExp(`remove ${NAME}$`, "m"));
    await terminal.press("Tab");
    await terminal.see(/0 +-- disk 0/);
  });
});

Deno.test("completion fish completes in a real fish", async () => {
  await withExecutable(async (env) => {
    const at = (line: string) =>
      shell([
        "fish",
        "--no-config",
        "-c",
        "kvm-hotplug completion fish | source; complete -C $argv[1]",
        `kvm-hotplug ${line}`,
      ], env);
    assertEquals(await at("disk rem"), [
      "remove\tremove a disk from a running VM",
    ]);
    assertEquals(await at("list "), [NAME]);
    assertEquals(await at("disk add --cache wri"), [
      "writeback",
      "writethrough",
    ]);
  });
});

Deno.test("help --man is a page that man shows without a warning", async () => {
  const { status, out } = await cli(["help", "--man"]);
  assertEquals(status, 0);
  const path = await Deno.makeTempFile({ suffix: ".8" });
  await Deno.writeTextFile(path, out);
  const { stdout, stderr } = await new Deno.Command("man", {
    args: ["--warnings", "-l", path],
    env: { MANWIDTH: "80", LC_ALL: "C.UTF-8", MANPAGER: "cat" },
  }).output();
  await Deno.remove(path);
  assertEquals(new TextDecoder().decode(stderr), "");
  const page = new TextDecoder().decode(stdout);
  for (const word of ["disk add", "EXIT STATUS", "--unplug-timeout S"]) {
    assertEquals(page.includes(word), true, word);
  }
});
