/**
 * The package for Fedora, RHEL and their descendants, by rpmbuild, which Debian
 * has, too.
 *
 * @module
 */

import { SUMMARY, VERSION } from "../../lib/version.ts";
import { run } from "../guest/run.ts";
import { FEDORA_PLACES, LEFT, stage, UNITS, write } from "./contents.ts";

const RELOAD = `if [ -d /run/systemd/system ]; then
    systemctl daemon-reload >/dev/null || :
fi`;

/**
 * The executable is used as it is: it ends with its program, which `strip`
 * would remove. A signed number of glibc is required by hand, because the
 * symbols of the executable are not all that it needs.
 */
function specOf(version: string, tree: string): string {
  return `%global debug_package %{nil}
%global __os_install_post %{nil}
%global _build_id_links none
%define _binary_payload w1.gzdio
Name: kvm-hotplug
Version: ${version}
Release: 1
Summary: ${SUMMARY}
License: MIT
Group: System Environment/Daemons
AutoReqProv: no
Requires: glibc >= 2.28
Requires: libgcc
Recommends: iproute

%description
Works on a node of a Ganeti cluster, or beside any QEMU with a QMP socket:
plans first, undoes what fails, recovers after a kill, and records every change
in the runtime file.

%install
cp -a ${tree}/. %{buildroot}/

%post
${RELOAD}

%preun
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now ${UNITS[0]} >/dev/null 2>&1 || :
    systemctl stop ${UNITS[1]} >/dev/null 2>&1 || :
fi

%postun
if [ "$1" = 0 ]; then
    rm -f ${LEFT.map((path) => `/${path}`).join(" \\\n        ")}
fi
${RELOAD}

%files
%defattr(-,root,root)
%attr(0755,root,root) /usr/sbin/kvm-hotplug
/usr/share/man/man8/kvm-hotplug.8.gz
/${FEDORA_PLACES.bash}
/${FEDORA_PLACES.zsh}
/${FEDORA_PLACES.fish}
%dir /usr/share/licenses/kvm-hotplug
%license /${FEDORA_PLACES.licence}
${UNITS.map((name) => `/usr/lib/systemd/system/${name}`).join("\n")}
`;
}

/**
 * Makes an RPM package of an executable.
 *
 * @param folder where it is put
 * @param version @default that of the executable
 * @returns its path
 */
export async function makeRpm(
  executable: string,
  folder: string,
  version: string = VERSION,
): Promise<string> {
  const top = await Deno.makeTempDir({ prefix: "kvm-hotplug-rpm-" });
  try {
    const tree = `${top}/tree`;
    await stage(executable, { root: tree, places: FEDORA_PLACES });
    const spec = `${top}/kvm-hotplug.spec`;
    await write(spec, specOf(version, tree));
    const { arch } = Deno.build;
    await run("rpmbuild", [
      ...["-bb", "--quiet", "--target", `${arch}-linux`],
      ...["--define", `_topdir ${top}`, "--define", `_rpmdir ${top}/made`],
      spec,
    ]);
    const name = `kvm-hotplug-${version}-1.${arch}.rpm`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.copyFile(`${top}/made/${arch}/${name}`, `${folder}/${name}`);
    return `${folder}/${name}`;
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}
