import { assertEquals } from "@std/assert";
import {
  confinementText,
  readConfinement,
} from "../../lib/host/confinement.ts";

/** How a command's process is confined. */
async function confined(command: string, ...args: string[]) {
  const child = new Deno.Command(command, {
    args: [...args, "/bin/sh", "-c", "echo; read x"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const said = child.stdout.getReader();
  await said.read();
  const argv = ["kvm", "-runas", "nobody", "-chroot"];
  try {
    return readConfinement({ pid: child.pid, argv });
  } finally {
    await child.stdin.close();
    await said.cancel();
    await child.status;
  }
}

Deno.test("readConfinement() reads what the kernel judges by", async () => {
  const ours = readConfinement({ pid: Deno.pid, argv: [] });
  assertEquals([ours?.credentials.uid, ours?.jail, ours?.root, ours?.options], [
    ...[0, "none", "/"],
    [],
  ]);
  assertEquals(ours && confinementText(ours), "uid 0");
  const user = ["--reuid=30001", "--regid=30002", "--groups=7,8"];
  const other = await confined("setpriv", ...user);
  assertEquals(other?.credentials, {
    ...{ uid: 30_001, gid: 30_002, groups: [7, 8], capabilities: 0n },
  });
  assertEquals(other?.options, ["-runas nobody", "-chroot "]);
  const { jail, mountNamespace, networkNamespace, userNamespace } = other!;
  assertEquals(
    [jail, mountNamespace, networkNamespace, userNamespace],
    ["none", "ours", "ours", "ours"],
  );
  const apart = await confined("unshare", "--mount", "--net");
  assertEquals(
    [apart?.jail, apart?.mountNamespace, apart?.networkNamespace],
    ["chroot", "another", "another"],
  );
  assertEquals(
    confinementText({ ...other!, jail: "chroot", root: "/run/x" }),
    "uid 30001, root directory /run/x",
  );
  assertEquals(readConfinement({ pid: 2 ** 22, argv: [] }), undefined);
});
