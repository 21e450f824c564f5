/** Kernels that lack system calls: strace(1) answers for them. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eachRelease } from "../lab/each_release.ts";
import {
  CHROOT,
  loopDevice,
  NOBODY,
  openFolder,
  rootImage,
} from "../lab/jail.ts";
import { runOnOldKernel } from "../lab/strace.ts";
import { tool } from "../lab/tool.ts";

const UUID = "d1111111-2222-4333-8444-555555555555";

/** What kernels before a release lack. */
const MISSING = {
  "5.8": ["faccessat2"],
  // Of file systems many exchange nothing even today.
  "5.6": ["faccessat2", "openat2", "renameat2"],
};

/** The ways that kernels before a release refuse, and what they name. */
const REFUSED = {
  "5.8": { path: "5.8" },
  "5.6": { path: "5.8", chown: "5.6" },
};

for (const release of ["5.8", "5.6"] as const) {
  eachRelease(
    `before Linux ${release} a disk goes in opened, and other ways say what they need`,
    async (vm) => {
      const folder = await openFolder(vm);
      const image = await rootImage(`${folder}/d1.img`);
      const add = ["disk", "add", vm.name, image, "--uuid", UUID];
      const before = await Deno.readTextFile(vm.layout.runtime);
      const calls = MISSING[release];
      for (const [via, needed] of Object.entries(REFUSED[release])) {
        const words = [...add, "--via", via];
        const { status, json } = await runOnOldKernel(vm.runDir, words, calls);
        assertEquals([status, json.changed], [3, false], via);
        assertStringIncludes(
          json.error.message,
          `this check needs Linux ${needed} or newer`,
        );
      }
      assertEquals(await Deno.readTextFile(vm.layout.runtime), before);
      const { status, json } = await runOnOldKernel(vm.runDir, add, calls);
      assertEquals(
        [status, json.device?.via],
        [0, "fdset"],
        json.error?.message,
      );
      assertEquals((await tool(vm, "disk", "remove", vm.name, UUID)).status, 0);
    },
    NOBODY.options,
  );
}

eachRelease("before Linux 5.6 no node is made in a chroot", async (vm) => {
  const folder = await openFolder(vm);
  await using loop = await loopDevice(await rootImage(`${folder}/d1.img`));
  const words = ["disk", "add", vm.name, loop.path, "--via", "mknod"];
  const calls = MISSING["5.6"];
  const { status, json } = await runOnOldKernel(vm.runDir, words, calls);
  assertEquals([status, json.error.code], [3, "unsupported"]);
  assertMatch(json.error.message, /needs Linux 5\.6 or newer/);
  const done = await runOnOldKernel(vm.runDir, words, MISSING["5.8"]);
  assertEquals([done.status, done.json.device?.via], [0, "mknod"]);
}, CHROOT.options);
