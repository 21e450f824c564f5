/** A node that is reached over ssh only: copied there, asked, and called. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { SshServer } from "../../tools/guest/ssh_server.ts";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import { EXECUTABLE } from "../lab/tool.ts";

/** Runs a command line over there to its end. */
async function remote(
  server: SshServer,
  line: string,
  input = "",
): Promise<{ status: number; stdout: string; stderr: string }> {
  const session = server.session(line, "none", { stdin: "piped" });
  const writer = session.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await session.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { status: code, stdout: text(stdout), stderr: text(stderr) };
}

eachRelease("a master copies the tool over ssh and calls it", async (vm) => {
  await using server = await SshServer.start();
  // By its version, so that one that runs can be replaced, and put back.
  const there = `${vm.runDir}/bin/kvm-hotplug`;
  await Deno.mkdir(`${vm.runDir}/bin`);
  await server.copy(EXECUTABLE, `${there}-${VERSION}`);
  await remote(server, `ln -sfn kvm-hotplug-${VERSION} ${there}`);
  const sum = async (file: string) =>
    (await host("sha256sum", file)).split(" ")[0];
  const line = `sha256sum ${there} && ${there} --version`;
  const { stdout } = await remote(server, line);
  assertEquals(stdout.split("\n").slice(0, 2), [
    `${await sum(EXECUTABLE)}  ${there}`,
    `kvm-hotplug ${VERSION}`,
  ]);

  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, "over ssh");
  const log = `${vm.runDir}/rpc.log`;
  const calls = [
    ["list", {}],
    ["disk.add", { instance: vm.name, source: image, name: "data" }],
    ["list", { instance: vm.name }],
    ["disk.remove", { instance: vm.name, disk: "data" }],
  ].map(([method, params], id) => ({ jsonrpc: "2.0", id, method, params }));
  const ran = await remote(
    server,
    `${there} rpc --run-dir ${vm.runDir} --log ${log}`,
    calls.map((call) => JSON.stringify(call) + "\n").join(""),
  );
  assertEquals([ran.status, ran.stderr], [0, ""]);
  const answers = ran.stdout.trim().split("\n")
    .map((one) => JSON.parse(one))
    .toSorted((a, b) => a.id - b.id);
  assertEquals(answers.map(({ id, error }) => [id, error]), [
    [0, undefined],
    [1, undefined],
    [2, undefined],
    [3, undefined],
  ]);
  const [all, added, listed, removed] = answers.map(({ result }) => result);
  assertEquals(all.instances[0].instance, vm.name);
  assertEquals([added.changed, removed.changed], [true, true]);
  assertEquals(listed.devices[0].status, "ok");

  // Who it was is kept.
  const audits = (await Deno.readTextFile(log)).trim().split("\n")
    .map((one) => JSON.parse(one)).filter(({ audit }) => audit);
  assertEquals(audits.length, 2);
  for (const { ssh_connection } of audits) {
    assertMatch(ssh_connection, /^127\.0\.0\.1 \d+ 127\.0\.0\.1 \d+$/);
  }
  assert(audits.every(({ uid }) => uid === 0));
});
