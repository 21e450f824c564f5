import { assertEquals, assertMatch } from "@std/assert";
import { makeDeb, makeGanetiDeb } from "../../tools/package.ts";
import { run } from "../../tools/guest/run.ts";
import { VERSION } from "../../lib/version.ts";
import { dpkg, filesBelow, leave, scratchRoot } from "../lab/packages.ts";
import { EXECUTABLE } from "../lab/tool.ts";

Deno.test("makeDeb() makes a package that installs, runs and goes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-package-" });
  try {
    // To compress the executable itself takes 10 s of a processor:
    // tests/integrations/package_test.ts.
    const small = `${folder}/kvm-hotplug`;
    await Deno.writeTextFile(small, `#!/bin/sh\nexec ${EXECUTABLE} "$@"\n`);
    await Deno.chmod(small, 0o755);
    const deb = await makeDeb(small, folder);
    assertEquals(
      await run("dpkg-deb", ["-f", deb, "Package", "Version"]),
      `Package: kvm-hotplug\nVersion: ${VERSION}\n`,
    );
    // statx: lib/sys/libc.ts. Before Debian 11 libgcc-s1 was libgcc1.
    assertEquals(
      await run("dpkg-deb", ["-f", deb, "Depends"]),
      "libc6 (>= 2.28), libgcc-s1 | libgcc1\n",
    );
    const root = await scratchRoot(folder);
    await dpkg(root, "--install", deb);
    const installed = await filesBelow(`${root}/usr`);
    assertEquals(installed.map((path) => path.slice(root.length)), [
      "/usr/lib/systemd/system/kvm-hotplug-metrics.service",
      "/usr/lib/systemd/system/kvm-hotplug-metrics.timer",
      "/usr/sbin/kvm-hotplug",
      "/usr/share/bash-completion/completions/kvm-hotplug",
      "/usr/share/doc/kvm-hotplug/changelog.gz",
      "/usr/share/doc/kvm-hotplug/copyright",
      "/usr/share/fish/vendor_completions.d/kvm-hotplug.fish",
      "/usr/share/lintian/overrides/kvm-hotplug",
      "/usr/share/man/man8/kvm-hotplug.8.gz",
      "/usr/share/zsh/vendor-completions/_kvm-hotplug",
    ]);
    const tool = `${root}/usr/sbin/kvm-hotplug`;
    assertEquals(await run(tool, ["--version"]), `kvm-hotplug ${VERSION}\n`);
    const page = `${root}/usr/share/man/man8/kvm-hotplug.8.gz`;
    const text = await run("man", ["-l", page], { env: { MANPAGER: "cat" } });
    assertEquals(/disk add/.test(text), true);
    // The timer is off: nothing outside of /usr, and no script enables it.
    assertEquals(await filesBelow(`${root}/etc`), []);
    const used = await leave(root);
    await dpkg(root, "--remove", "kvm-hotplug");
    for (const part of ["usr", "etc", "var/lib/prometheus"]) {
      assertEquals(await filesBelow(`${root}/${part}`), [], `${used}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const MODULES = "/usr/lib/kvm-hotplug/ganeti";

Deno.test("makeGanetiDeb() makes a package with what Ganeti's noded loads", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-package-" });
  try {
    const deb = await makeGanetiDeb(folder);
    assertEquals(
      await run("dpkg-deb", ["-f", deb, "Package", "Architecture"]),
      "Package: kvm-hotplug-ganeti\nArchitecture: all\n",
    );
    const root = await scratchRoot(folder);
    await dpkg(root, "--install", deb);
    const installed = await filesBelow(`${root}/usr`);
    assertEquals(installed.map((path) => path.slice(root.length)), [
      `${MODULES}/kvm_hotplug_noded.py`,
      `${MODULES}/usercustomize.py`,
      "/usr/lib/systemd/system/ganeti-noded.service.d/kvm-hotplug.conf",
      "/usr/share/doc/kvm-hotplug-ganeti/README.md",
      "/usr/share/doc/kvm-hotplug-ganeti/changelog.gz",
      "/usr/share/doc/kvm-hotplug-ganeti/copyright",
    ]);
    const conf = await Deno.readTextFile(installed[2] ?? "");
    assertMatch(conf, new RegExp(`^Environment=PYTHONPATH=${MODULES}$`, "m"));
    // As Python leaves it.
    await Deno.mkdir(`${root}${MODULES}/__pycache__`);
    await Deno.writeTextFile(`${root}${MODULES}/__pycache__/x.pyc`, "");
    await dpkg(root, "--purge", "kvm-hotplug-ganeti");
    assertEquals(await filesBelow(`${root}/usr`), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
