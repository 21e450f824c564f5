/**
 * The files of the package, whatever its form.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { manPage } from "../../lib/commands/man.ts";
import { SCRIPTS } from "../../lib/commands/completion_scripts.ts";

/** The folder of the project. */
export const ROOT = new URL("../..", import.meta.url).pathname;

/** The units of systemd; the first one is to be enabled. */
export const UNITS = [
  "kvm-hotplug-metrics.timer",
  "kvm-hotplug-metrics.service",
] as const;

/** Files that the service and `systemctl enable` make, without a slash. */
export const LEFT = [
  `etc/systemd/system/timers.target.wants/${UNITS[0]}`,
  "var/lib/prometheus/node-exporter/kvm-hotplug.prom",
  "var/lib/prometheus/node-exporter/.kvm-hotplug.prom.new",
] as const;

/** Where a distribution has files of a kind. */
export interface Places {
  readonly bash: string;
  readonly zsh: string;
  readonly fish: string;
  readonly licence: string;
}

const COMMON = {
  bash: "usr/share/bash-completion/completions/kvm-hotplug",
  fish: "usr/share/fish/vendor_completions.d/kvm-hotplug.fish",
} as const;

/** Debian and its descendants. */
export const DEBIAN_PLACES: Places = {
  ...COMMON,
  zsh: "usr/share/zsh/vendor-completions/_kvm-hotplug",
  licence: "usr/share/doc/kvm-hotplug/copyright",
};

/** Fedora, RHEL and their descendants. */
export const FEDORA_PLACES: Places = {
  ...COMMON,
  zsh: "usr/share/zsh/site-functions/_kvm-hotplug",
  licence: "usr/share/licenses/kvm-hotplug/LICENSE",
};

/** Writes a file that all may read, with the folders above it. */
export async function write(
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
    { mode: 0o644 },
  );
}

/** A text, compressed as well as possible, as Debian's policy asks. */
export function gzip(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

/** Puts the files of the package below a folder. */
export async function stage(
  executable: string,
  { root, places }: { readonly root: string; readonly places: Places },
): Promise<void> {
  await write(`${root}/usr/sbin/kvm-hotplug`, "");
  await Deno.copyFile(executable, `${root}/usr/sbin/kvm-hotplug`);
  await Deno.chmod(`${root}/usr/sbin/kvm-hotplug`, 0o755);
  await write(
    `${root}/usr/share/man/man8/kvm-hotplug.8.gz`,
    gzip(manPage()),
  );
  for (const shell of ["bash", "zsh", "fish"] as const) {
    await write(`${root}/${places[shell]}`, `${SCRIPTS.get(shell)}\n`);
  }
  for (const name of UNITS) {
    const text = await Deno.readTextFile(
      `${ROOT}integrations/prometheus/${name}`,
    );
    await write(`${root}/usr/lib/systemd/system/${name}`, text);
  }
  const licence = await Deno.readTextFile(`${ROOT}LICENSE`);
  await write(`${root}/${places.licence}`, licence);
}
