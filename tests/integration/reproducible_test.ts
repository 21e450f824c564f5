/** The same sources give the same bytes, whoever builds them, where and when. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { resolve } from "@std/path";
import { run } from "../../tools/guest/run.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "../..");
const SOURCES = ["main.ts", "lib", "tools", "deno.json", "deno.lock"];
/** Packages and the bundler, which cannot be downloaded here. */
const DOWNLOADS = ["npm", "dl"];

/** Whoever builds, where and when. */
interface Builder {
  /** Below a new folder. */
  readonly root: string;
  readonly uid: number;
  /** Of all the sources, as touch(1) takes it. */
  readonly changed: string;
  readonly env: Record<string, string>;
  readonly umask: string;
}

const BUILDERS: readonly Builder[] = [
  {
    root: "a",
    uid: 0,
    changed: "2001-02-03T04:05:06",
    env: { TZ: "UTC", LANG: "C" },
    umask: "077",
  },
  {
    root: "another/place, with a longer name",
    uid: 65534,
    changed: "2037-12-31T23:59:59",
    env: { TZ: "Pacific/Auckland", LANG: "de_DE.UTF-8", NO_COLOR: "" },
    umask: "022",
  },
];

async function denoFolder(): Promise<string> {
  const info = await run(Deno.execPath(), ["info", "--json"]);
  return JSON.parse(info).denoDir;
}

/** Builds in a root with nothing but sources and downloads in it. */
async function build(
  folder: string,
  { root, uid, changed, env, umask }: Builder,
): Promise<string> {
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
    const sums: string[] = [];
    for (const builder of BUILDERS) sums.push(await build(folder, builder));
    assertNotEquals(sums[0], "");
    assertEquals(sums[1], sums[0]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
