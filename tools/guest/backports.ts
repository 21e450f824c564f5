/**
 * Packages that only Debian's backports suite may have, or packages of another
 * architecture, unpacked: the machine's own sources are not touched.
 *
 * @module
 */
import { type AptConfig, aptGet, isKnown, refreshing, unpack } from "./apt.ts";
import { exists } from "./run.ts";
import type { Log } from "./types.ts";

/** The keys of Debian's archive. */
export const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Downloads packages and unpacks them into a folder: from the machine's own
 * sources, or else from the backports suite.
 *
 * @throws {Error} if neither has them
 */
export async function unpackFromAnySuite(
  packages: readonly string[],
  folder: string,
  log: Log,
): Promise<void> {
  try {
    await refreshing(log, () => unpackKnown(packages, folder, log));
  } catch (cause) {
    log(`${cause instanceof Error ? cause.message : cause}`);
    await unpackBackports(packages, folder, log);
  }
}

async function unpackKnown(
  packages: readonly string[],
  folder: string,
  log: Log,
): Promise<void> {
  for (const name of packages) {
    if (!await isKnown(name)) throw new Error(`No ${name} in apt's sources`);
  }
  log(`download ${packages[0]}, to be used where it is unpacked`);
  await unpack(packages, folder);
}

/**
 * Downloads packages of the backports suite and unpacks them into a folder.
 *
 * @throws {Error} if this machine's archive has no such suite or package
 */
export async function unpackBackports(
  packages: readonly string[],
  folder: string,
  log: Log,
): Promise<void> {
  const suite = await backportsSuite();
  const what = `${packages[0]} of ${suite}, to be run where it is unpacked`;
  await withSuite({ folder, suite, what, log }, async (config) => {
    await unpack(packages, folder, config);
  });
}

/**
 * Does something with apt that knows this machine's main suite, but for arm64.
 *
 * @param options.folder where apt's lists lie meanwhile
 * @param options.what is logged: what is downloaded
 */
export async function withArm64(
  { folder, what, log }: { folder: string; what: string; log: Log },
  action: (config: AptConfig) => Promise<void>,
): Promise<void> {
  const suite = await osCodename();
  const arm64 = ["APT::Architecture=arm64", "APT::Architectures=arm64"]
    .flatMap((setting) => ["-o", setting]);
  await withSuite({ folder, suite, what, log, more: arm64 }, action);
}

async function withSuite(
  { folder, suite, what, log, more = [] }: {
    folder: string;
    suite: string;
    what: string;
    log: Log;
    more?: AptConfig;
  },
  action: (config: AptConfig) => Promise<void>,
): Promise<void> {
  await refreshing(log, async () => {
    const uri = await debianArchive();
    log(`download ${what}`);
    const own = await privateConfig(folder, { uri, suite });
    const config = [...own, ...more];
    await aptGet([...config, "update"]);
    await action(config);
  });
  await Deno.remove(`${folder}/apt`, { recursive: true });
}

/** The name of this machine's backports suite: `bookworm-backports`. */
export async function backportsSuite(): Promise<string> {
  return `${await osCodename()}-backports`;
}

/**
 * The archive that this machine's Debian comes from.
 *
 * @throws {Error} if it is no Debian
 */
export async function debianArchive(): Promise<string> {
  return await archiveUri(await osCodename());
}

async function osCodename(): Promise<string> {
  const text = await Deno.readTextFile("/etc/os-release");
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1];
  if (codename === undefined) {
    throw new Error("Cannot find VERSION_CODENAME in /etc/os-release");
  }
  return codename;
}

/** Where this machine gets its main suite from: a mirror has both. */
async function archiveUri(codename: string): Promise<string> {
  const format = "$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)";
  const text = await aptGet([
    "indextargets",
    ...["--format", format, "Created-By: Packages"],
  ]);
  for (const line of text.split("\n")) {
    const [origin, suite, component, uri] = line.split("|");
    if (origin !== "Debian" || suite !== codename) continue;
    if (component === "main" && uri) return uri;
  }
  throw new Error(`Cannot find Debian's ${codename}/main in apt's sources`);
}

/** A configuration that knows the backports suite and nothing else, kept in
 * a folder of its own: the machine's sources and lists are not touched. */
async function privateConfig(
  folder: string,
  archive: { uri: string; suite: string },
): Promise<AptConfig> {
  const apt = `${folder}/apt`;
  const { uri, suite } = archive;
  await Deno.mkdir(`${apt}/lists/partial`, { recursive: true });
  await Deno.mkdir(`${apt}/cache/archives/partial`, { recursive: true });
  const signed = await exists(KEYRING) ? `[signed-by=${KEYRING}] ` : "";
  await Deno.writeTextFile(
    `${apt}/sources.list`,
    `deb ${signed}${uri} ${suite} main\n`,
  );
  return [
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    `APT::Default-Release=${suite}`,
    "APT::Update::Error-Mode=any",
    "Acquire::Languages=none",
  ].flatMap((setting) => ["-o", setting]);
}
