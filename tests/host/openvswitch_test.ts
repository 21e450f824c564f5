/** Open vSwitch as its own tool tells of it; the tool is a script here. */
import { assertEquals, assertRejects } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import type { Attachment } from "../../lib/host/attachment.ts";
import { findProgram } from "../../lib/host/network.ts";
import {
  findSwitch,
  joinSwitch,
  leaveSwitch,
  portsOf,
} from "../../lib/host/openvswitch.ts";
import { cutsOf } from "../../lib/host/tap_place.ts";
import { run, TempDir } from "../sys/support.ts";

/** Has one switch, `sw0`. `down`: its daemon; `mute`: its database, too. */
const TOOL = `
echo "$*" >>said
if [ -e mute ]; then echo no database >&2; exit 1; fi
case "$*" in
*br-exists*) [ "$3" = sw0 ] || exit 2 ;;
*list-ports*) [ "$3" = sw0 ] && cat ports ;;
*--no-wait*) ;;
*) [ ! -e down ] ;;
esac
`;

/** A node with that tool, in the mount namespace of these tests alone. */
async function withTool(
  body: (dir: TempDir, said: () => string[]) => Promise<void>,
): Promise<void> {
  using dir = new TempDir();
  Deno.mkdirSync(dir.at("bin"));
  const script = `#!/bin/sh\ncd ${dir.path}\n${TOOL}`;
  const tool = dir.file("bin/ovs-vsctl", script);
  Deno.chmodSync(tool, 0o755);
  const real = findProgram("ovs-vsctl");
  const [what, where] = real === undefined
    ? [dir.at("bin"), "/usr/local/bin"]
    : [tool, real];
  run("mount", "--bind", what, where);
  try {
    await body(dir, () => {
      const lines = Deno.readTextFileSync(dir.at("said")).trim().split("\n");
      Deno.removeSync(dir.at("said"));
      return lines;
    });
  } finally {
    run("umount", where);
  }
}

/** linux/if.h */
const IFF_UP = 1;

function flagsOf(device: string): number {
  return Number(Deno.readTextFileSync(`/sys/class/net/${device}/flags`));
}

const NO_TOOL = findProgram("ovs-vsctl") === undefined;

Deno.test("findSwitch() and portsOf() tell what the tool says", async () => {
  if (NO_TOOL) {
    assertEquals(await findSwitch("sw0"), "no-tool");
    assertEquals(await portsOf("sw0"), undefined);
    await leaveSwitch("tap0");
  }
  await withTool(async (dir) => {
    dir.file("ports", "tap0\ntap1\n");
    assertEquals(await findSwitch("sw0"), "there");
    assertEquals(await findSwitch("sw1"), "missing");
    assertEquals(await portsOf("sw0"), ["tap0", "tap1"]);
    assertEquals(await portsOf("sw1"), undefined);
    dir.file("mute", "");
    const found = await findSwitch("sw0");
    assertEquals(typeof found === "object" && Object.keys(found), [
      "unreachable",
    ]);
  });
});

Deno.test("joinSwitch() and leaveSwitch() say what is to be done", async () => {
  await withTool(async (dir, said) => {
    const join = ["--timeout=10 -- --if-exists del-port lo"];
    for (
      const [vlan, columns] of [
        [null, ""],
        ["100", " tag=100"],
        [":7:8", " trunks=7,8"],
        ["100:7", " tag=100 trunks=7"],
      ] as const
    ) {
      await joinSwitch("lo", { link: "sw0", vlan });
      assertEquals(said(), [`${join} -- add-port sw0 lo${columns}`]);
    }
    // Up means that it is joined: what has failed stays down.
    dir.file("down", "");
    run("ip", "link", "set", "lo", "down");
    const none = { link: "sw0", vlan: null };
    await assertRejects(() => joinSwitch("lo", none), HotplugError);
    assertEquals(flagsOf("lo") & IFF_UP, 0);
    Deno.removeSync(dir.at("down"));
    await joinSwitch("lo", none);
    assertEquals(flagsOf("lo") & IFF_UP, IFF_UP);
    said();
    const leave = "-- --if-exists del-port tap0";
    await leaveSwitch("tap0");
    assertEquals(said(), [`--timeout=10 ${leave}`]);
    // Its record counts, though nobody follows it.
    dir.file("down", "");
    await leaveSwitch("tap0");
    assertEquals(said(), [
      `--timeout=10 ${leave}`,
      `--timeout=10 --no-wait ${leave}`,
    ]);
    dir.file("mute", "");
    await assertRejects(() => leaveSwitch("tap0"), HotplugError, "database");
  });
});

Deno.test("cutsOf() asks Open vSwitch for its ports", async () => {
  const on = (link: string | null): Attachment => ({
    ...{ mode: "openvswitch", link, vlan: null, ip: null, script: null },
  });
  run("ip", "link", "set", "lo", "up");
  await withTool(async (dir) => {
    dir.file("ports", "lo\n");
    assertEquals(await cutsOf("lo", on("sw0")), []);
    assertEquals(await cutsOf("lo", on(null)), []);
    assertEquals(await cutsOf("lo", on("sw1")), ["is not a port of sw1"]);
    dir.file("ports", "tap1\n");
    assertEquals(await cutsOf("lo", on("sw0")), ["is not a port of sw0"]);
    // Nothing can be told.
    dir.file("mute", "");
    assertEquals(await cutsOf("lo", on("sw0")), []);
  });
});
