/** What a person is shown of each step on disks. */
import { assertEquals } from "@std/assert";
import type { AnyStep } from "../../lib/kinds.ts";
import { describe } from "../support/steps.ts";

type Shown = readonly [step: string, host: string, undo: string | null];

function shown(step: AnyStep): Shown {
  const { step: title, host, undo } = describe(step);
  return [title, host ?? "", undo];
}

Deno.test("steps on a disk's source tell how it is opened", () => {
  const looked = { path: "/d", identity: "1:2" };
  for (
    const [access, direct, host] of [
      ["rw", false, "open /d read-write"],
      ["ro", false, "open /d read-only"],
      ["rw", true, "open /d read-write past the page cache (O_DIRECT)"],
    ] as const
  ) {
    const step = { kind: "open-source", ...looked, access, direct };
    assertEquals(shown(step as AnyStep)[1], host);
  }
  for (
    const [access, how] of [["rw", "read-write"], ["ro", "read-only"]] as const
  ) {
    assertEquals(shown({ kind: "probe-path", pid: 7, ...looked, access }), [
      "make sure that QEMU can open the disk itself",
      `open /d ${how} below /proc/7/root with QEMU's uid, groups and capabilities`,
      null,
    ]);
  }
});

Deno.test("steps on a node in QEMU's root tell what is made, and removed", () => {
  const node = (more: Record<string, unknown>) => ({
    ...{ root: "/jail", name: "dev-1", rdev: "253:4", uid: 30, kind: "node" },
    ...{ rootMode: null, rootInode: "1:2", ...more },
  });
  const made = "mknod /jail/dev-1 b 253 4";
  const owner = "owner 30, mode 0600";
  const bind = { kind: "bind" };
  for (
    const [more, make, remove] of [
      [{}, `${made}, ${owner}`, "remove /jail/dev-1"],
      [
        bind,
        `${made}, made in /dev and bind-mounted, ${owner}`,
        "unmount and remove /jail/dev-1",
      ],
      [
        { rootMode: 0o700 },
        `${made}, ${owner}; chmod 711 /jail`,
        "remove /jail/dev-1; chmod 700 /jail",
      ],
    ] as const
  ) {
    const step = (kind: string) =>
      shown({ kind, node: node(more) } as unknown as AnyStep).slice(1);
    assertEquals(step("make-node"), [make, remove]);
    assertEquals(step("remove-node"), [remove, make]);
  }
});

Deno.test("steps on owners tell both ways", () => {
  const given = { path: "/d", from: "0:6", to: "30:6", identity: "1:2" };
  const step = (kind: string) =>
    shown({ kind, given } as unknown as AnyStep).slice(1);
  const there = "chown 30:6 /d";
  const back = "chown 0:6 /d, if it is still the same file";
  assertEquals(step("give-owner"), [there, back]);
  assertEquals(step("return-owner"), [back, there]);
});

Deno.test("limit-disk and change-medium tell what holds afterwards", () => {
  const limit = (
    limits: Record<string, number>,
    before: typeof limits | null,
  ) => shown({ kind: "limit-disk", id: "d", qdev: "d", limits, before });
  assertEquals(limit({}, null)[0], "remove the disk's limits");
  assertEquals(limit({ iops: 5 }, null)[0], "limit the disk: iops 5");
  assertEquals(limit({ iops: 5 }, null)[2], null);
  const [, , undo] = limit({ iops: 5 }, { iops: 7 });
  assertEquals(undo?.includes('"iops":7'), true, String(undo));
  const medium = (from: string | null, to: string | null, lock: string) => {
    const about = { id: "cd", title: "disk 1", from, to, lock };
    const step = { kind: "change-medium", ...about } as unknown as AnyStep;
    const { step: title, qmp, undo } = describe(step);
    return [title, qmp?.arguments.force, undo];
  };
  assertEquals(medium("old", null, "heeded"), [
    ...["remove the medium from disk 1", false, "put old back"],
  ]);
  assertEquals(medium(null, "new", "forced"), [
    ...["put new into disk 1", true, "leave the drive empty"],
  ]);
});
