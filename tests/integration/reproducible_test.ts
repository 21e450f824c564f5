/** The same sources give the same bytes, whoever builds them, where and when. */
import { assertEquals } from "@std/assert";
import { resolve } from "@std/path";
import { run } from "../../tools/guest/run.ts";
import { EXECUTABLE } from "../lab/tool.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "../..");
const SOURCES = ["main.ts", "lib", "tools", "deno.json", "deno.lock"];
/** Packages and the bundler, which cannot be downloaded here. */
const DOWNLOADS = ["npm", "dl"];

/** Another one than who built the executable for the tests. */
const BUILDER = {
  /** Below a new folder. */
  root: "another/place, with a longer name",
  uid: 65534,
  /** Of all the sources, as touch(1) takes it. */
  changed: "2037-12-31T23:59:59",
  env: { TZ: "Pacific/Auckland", LANG: "de_DE.UTF-8", NO_COLOR: "" },
  umask: "077",
} as const;

async function denoFolder(): Promise<string> {
  const info = await run(Deno.execPath(), ["info", "--json"]);
  return JSON.parse(info).denoDir;
}

/** Builds in a root with nothing but sources and downloads in it. */
async function build(folder: string): Promise<string> {
  const { root, uid, changed, env, umask } = BUILDER;
  const [place, cache] = [`${folder}/${root}/src`, `${folder}/${root}/cache`];
  const [home, temporary] = [`${folder}/${root}/home`, `${folder}/${root}/tmp`];
  for (const path of [place, cache, home, temporary]) {
    await Deno.mkdir(path, { recursive: true });
  }
  const from = await denoFolder();
  const copied = SOURCES.map((name) => `${ROOT}/${name}`);
  await run("cp", ["-r", ...copied, place]);
  await run("cp", ["-r", ...DOWNLOADS.map((one) => `${from}/${one}`), cache]);
  await run("find", [place, "-exec", "touch", "-d", changed, "{}", "+"]);
  await run("chown", ["-R", `${uid}:${uid}`, `${folder}/${root}`]);
  // Deno itself may be in a folder that is root's alone.
  const caps = [
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
  ];
  const as = [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", ...caps];
  const script = `umask ${umask} && cd "$1" && exec "$2" task build --via pack`;
  const words = ["sh", "-c", script, "sh", place, Deno.execPath()];
  const { code, stdout, stderr } = await new Deno.Command("setpriv", {
    args: [...as, ...words],
    clearEnv: true,
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: home,
      TMPDIR: temporary,
      DENO_DIR: cache,
      ...env,
    },
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const sum = /sha256 +(\w{64})/.exec(new TextDecoder().decode(stdout))?.[1];
  const { uid: owner } = await Deno.stat(`${place}/dist/kvm-hotplug`);
  assertEquals(owner, uid);
  return sum ?? "";
}

Deno.test("buildExecutable() gives the same bytes in another root, by another user, at another time", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-builds-" });
  try {
    await Deno.chmod(folder, 0o755);
    const bytes = await Deno.readFile(EXECUTABLE);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    assertEquals(
      await build(folder),
      hash.toHex(),
      "perhaps the sources have changed since dist/kvm-hotplug was built",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
