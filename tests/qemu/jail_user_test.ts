/** QEMU as another user, before a monitor that takes no descriptors. */
import { documentOf, saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, host } from "../lab/each_release.ts";
import {
  assertAdditionUndone,
  assertChecked,
  assertNicRefused,
  assertRefused,
  assertUndone,
  fileState,
  FREE,
  hostTraces,
  loopDevice,
  NOBODY,
  openFolder,
  ownerOf,
  PASSING,
  rootImage,
  traces,
  useAndRemove,
  UUID,
} from "../lab/jail.ts";
import { hiding, QmpProxy } from "../lab/proxy.ts";
import { snapshot } from "../lab/snapshot.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";

const UID = 65_534;
const CHOWN = ["--via", "chown"];

/** An access control list in the kernel's form: posix_acl_xattr.h. */
const SET_ACL = `
import os, struct, sys
path, uid = sys.argv[1], int(sys.argv[2])
none = 0xffffffff
entries = [(1, 6, none), (2, 6, uid), (4, 0, none), (16, 6, none), (32, 0, none)]
value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
os.setxattr(path, "system.posix_acl_access", value)
`;

/** Runs a program where one file stands in another's place. */
const BIND = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';

eachRelease("as nobody, nothing passed: path and chown", async (vm, t) => {
  const folder = await openFolder(vm);
  const image = await rootImage(`${folder}/d1.img`);
  await using proxy = QmpProxy.start(vm.qmpPath);
  proxy.hook = hiding(...PASSING);

  await t.step("refused in plain words; check says the same", async () => {
    const { code, message, hint } = await assertRefused(vm, image);
    assertEquals(code, "unsupported");
    assertMatch(message, /add-fd/);
    assertMatch(message, /65534|nobody/);
    assertMatch(hint, /--via chown/);
    const nic = await assertNicRefused(vm);
    await assertChecked(vm, { disk: message, nic });
    await assertRefused(vm, image, "--via", "fdset");
    await assertRefused(vm, image, "--via", "path");
    await assertRefused(vm, image, "--via", "mknod");
  });

  await t.step("what the kernel lets everybody open goes by path", async () => {
    await Deno.chmod(image, 0o666);
    await useAndRemove(vm, { image, via: "path" });
    await Deno.chmod(image, 0o600);
  });

  await t.step("not in a folder that it cannot enter", async () => {
    const shut = `${folder}/shut`;
    await Deno.mkdir(shut, { mode: 0o700 });
    const inside = await rootImage(`${shut}/d2.img`);
    await Deno.chmod(inside, 0o666);
    await assertRefused(vm, inside);
    await assertRefused(vm, inside, "--via", "chown");
  });

  await t.step("its group is the kernel's to judge", async () => {
    await Deno.chown(image, 0, UID);
    await Deno.chmod(image, 0o660);
    await useAndRemove(vm, { image, via: "path" });
    await Deno.chmod(image, 0o640);
    await assertRefused(vm, image);
    await Deno.chown(image, 0, 0);
    await Deno.chmod(image, 0o600);
  });

  await t.step("so is an access control list", async () => {
    const listed = await rootImage(`${folder}/acl.img`);
    await host("python3", "-c", SET_ACL, listed, String(UID));
    await useAndRemove(vm, { image: listed, via: "path" });
    await host("python3", "-c", SET_ACL, listed, String(UID + 1));
    await assertRefused(vm, listed);
  });

  await t.step("chown: given to its user, and given back", async () => {
    const plugged = () => assertEquals(ownerOf(image), `${UID}:0 600`);
    await useAndRemove(vm, { image, via: "chown", args: CHOWN, plugged });
  });

  await t.step("chown: what is its user's already stays so", async () => {
    const own = await rootImage(`${folder}/own.img`);
    await Deno.chown(own, UID, UID);
    const plugged = () => assertEquals(ownerOf(own), `${UID}:${UID} 600`);
    await useAndRemove(vm, { image: own, via: "chown", args: CHOWN, plugged });
  });

  await t.step("chown of a block device", async () => {
    await using loop = await loopDevice(image);
    const source = loop.path;
    const plugged = () => assertMatch(ownerOf(source), /^65534:\d+ 600$/);
    const way = { image, source, via: "chown", args: CHOWN };
    await useAndRemove(vm, { ...way, plugged });
  });

  await t.step("chown goes through a link, and not by it back", async () => {
    const link = `${folder}/link`;
    await Deno.symlink(image, link);
    const before = hostTraces(vm, image, link);
    const add = ["disk", "add", vm.name, link, "--uuid", UUID, ...CHOWN];
    const { status, stdout } = await tool(vm, ...add);
    assertEquals(status, 0, stdout);
    assertEquals(ownerOf(image), `${UID}:0 600`);
    const other = await rootImage(`${folder}/other.img`);
    await Deno.chown(other, UID, UID);
    await Deno.remove(link);
    await Deno.symlink(other, link);
    const remove = await tool(vm, "disk", "remove", vm.name, UUID);
    assertEquals(remove.status, 0, remove.stdout);
    assertEquals(hostTraces(vm, image).sources, before.sources.slice(0, 1));
    assertEquals(ownerOf(other), `${UID}:${UID} 600`);
  });

  await t.step("chown, undone half-way", async () => {
    await assertUndone(vm, { proxy, source: image, args: CHOWN });
  });

  await t.step("a path replaced before QEMU opens it is noticed", async () => {
    const { hook } = proxy;
    for (const via of ["chown", "path"]) {
      const path = await rootImage(`${folder}/${via}.img`);
      if (via === "path") await Deno.chmod(path, 0o666);
      const was = fileState(path)?.slice(path.length);
      proxy.hook = async (one) => {
        if (one.message.execute === "blockdev-add") {
          await Deno.rename(path, `${path}.was`);
          await Deno.chmod(await rootImage(path), 0o666);
        }
        return await hook(one);
      };
      const before = await snapshot(vm);
      const words = ["disk", "add", vm.name, path, "--via", via];
      const add = await tool(vm, ...words);
      proxy.hook = hook;
      assertEquals([add.status, add.json.error.code], [5, "host-error"]);
      assertMatch(add.json.error.message, /replaced/);
      assertEquals(await snapshot(vm), before);
      const moved = `${path}.was`;
      assertEquals(fileState(moved)?.slice(moved.length), was);
    }
  });

  await t.step("chown: a dry run changes nothing", async () => {
    const before = await traces(vm, image);
    const add = ["disk", "add", vm.name, image, ...CHOWN, "--dry-run"];
    const dry = await tool(vm, ...add);
    assertEquals([dry.status, dry.json.changed], [0, false], dry.stdout);
    assertMatch(JSON.stringify(dry.json.plan), /65534/);
    assertEquals(await traces(vm, image), before);
  });

  await t.step("chown: another file found there is left alone", async () => {
    const add = ["disk", "add", vm.name, image, "--uuid", UUID, ...CHOWN];
    assertEquals((await tool(vm, ...add)).status, 0);
    await Deno.rename(image, `${folder}/moved.img`);
    const other = await rootImage(image);
    await Deno.chown(other, UID, UID);
    const now = hostTraces(vm, other);
    const remove = await tool(vm, "disk", "remove", vm.name, UUID);
    assertEquals(remove.status, 0, remove.stdout);
    assertEquals(hostTraces(vm, other), now);
    const { ino } = await Deno.stat(`${folder}/moved.img`);
    assertEquals(remove.json.warnings.length, 1);
    assertMatch(
      saidIn(remove.json.warnings),
      new RegExp(`d1\\.img.*inode ${ino} `),
    );
    assertMatch(saidIn(remove.json.warnings), /chown 0\)/);
  });

  await t.step("chown: what has another owner by now keeps it", async () => {
    const path = await rootImage(`${folder}/third.img`);
    const add = ["disk", "add", vm.name, path, "--uuid", UUID, ...CHOWN];
    assertEquals((await tool(vm, ...add)).status, 0);
    await Deno.chown(path, 4711, 0);
    const remove = await tool(vm, "disk", "remove", vm.name, UUID);
    assertEquals(remove.status, 0, remove.stdout);
    assertEquals(ownerOf(path), "4711:0 600");
    assertMatch(remove.stderr, /third\.img belongs to uid 4711.*chown 0 /);
  });
}, NOBODY.options);

eachRelease("as root, nothing passed: path", async (vm, t) => {
  const folder = await openFolder(vm);
  const image = await rootImage(`${folder}/d1.img`);
  await using proxy = QmpProxy.start(vm.qmpPath);

  await t.step("a file and a block device go by path", async () => {
    proxy.hook = hiding(...PASSING);
    await useAndRemove(vm, { image, via: "path" });
    await using loop = await loopDevice(image);
    await useAndRemove(vm, { image, source: loop.path, via: "path" });
  });

  await t.step("also where only add-fd is missing", async () => {
    proxy.hook = hiding("add-fd");
    await assertChecked(vm, { disk: undefined, nic: undefined });
    await useAndRemove(vm, { image, via: "path" });
  });

  await t.step("undone half-way", async () => {
    await assertUndone(vm, { proxy, source: image, args: [] });
  });

  await t.step("not what lies there in our mount namespace only", async () => {
    const before = await traces(vm, image);
    const ours = `${vm.runDir}/ours.img`;
    await rootImage(ours);
    const { code, stdout } = await new Deno.Command("unshare", {
      args: [
        ...["--mount", "--propagation", "private", "sh", "-c", BIND, "sh"],
        ...[ours, image, EXECUTABLE, "disk", "add", vm.name, image],
        ...["--run-dir", vm.runDir, "--json"],
      ],
    }).output();
    const { error } = documentOf(new TextDecoder().decode(stdout));
    assertEquals([code, error.code], [3, "unsupported"], error.message);
    assertEquals(await traces(vm, image), before);
  });

  await t.step("a NIC goes by its tap's name", async () => {
    proxy.hook = hiding(...PASSING);
    const before = await traces(vm);
    const words = ["nic", "add", vm.name, "--uuid", UUID, "--no-vhost"];
    const add = await tool(vm, ...words);
    assertEquals([add.stderr, add.status], ["", 0], add.stdout);
    const { mac, tap } = add.json.device;
    await vm.waitGuest(`grep -q ${mac} /sys/class/net/*/address`);
    const list = await tool(vm, "list", vm.name);
    const [device] = list.json.devices;
    assertEquals([device.status, device.tap], ["ok", tap]);
    const remove = await tool(vm, "nic", "remove", vm.name, UUID);
    assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
    assertEquals(await traces(vm), before);
    const again = ["nic", "add", vm.name];
    await assertAdditionUndone(vm, proxy, { words: again });
  });

  await t.step("nothing goes without blockdev-add", async () => {
    proxy.hook = hiding("blockdev-add");
    for (const args of [[], CHOWN, ["--via", "path"]]) {
      const { code, message } = await assertRefused(vm, image, ...args);
      assertEquals(code, "unsupported");
      assertMatch(message, /blockdev-add/);
      await assertChecked(vm, { disk: message, nic: undefined });
    }
  });
}, FREE.options);
