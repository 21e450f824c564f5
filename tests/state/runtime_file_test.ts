import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  commitRuntime,
  createRuntime,
  discardStaged,
  isAsCreated,
  isRuntimeThere,
  isStaged,
  readRuntimeFile,
  removeCreated,
  settleStaged,
  type StagedChange,
  stageRuntime,
} from "../../lib/state/runtime_file.ts";
import { disk, refusal, runtimeText, uuidOf } from "../support/facts.ts";

const DELETE = {
  change: "delete",
  list: "disks",
  uuid: uuidOf("disk", 1),
} as const;
const TWO = runtimeText({ disks: [disk(0, 12), disk(1, 13)] });
const ONE = runtimeText({ disks: [disk(0, 12)] });

/** A runtime file of two disks, and a change that takes one out. */
function withFile(
  body: (staged: StagedChange, folder: string) => void,
): void {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/vm1.runtime`;
    Deno.writeTextFileSync(path, TWO);
    Deno.chmodSync(path, 0o640);
    Deno.chownSync(path, 30_001, 30_002);
    const temporary = "vm1.runtimeabcdefgh.new";
    body({ path, temporary, change: DELETE }, folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("isRuntimeThere() tells a path at which there is nothing", () => {
  withFile(({ path }, folder) => {
    assertEquals(isRuntimeThere(path), true);
    Deno.symlinkSync("nowhere", `${folder}/link`);
    assertEquals(isRuntimeThere(`${folder}/link`), true);
    for (const name of ["x", "vm1.runtime/x", "x".repeat(256)]) {
      assertEquals(isRuntimeThere(`${folder}/${name}`), false, name);
      assertEquals(readRuntimeFile(`${folder}/${name}`), undefined, name);
    }
  });
});

Deno.test("readRuntimeFile() reads nothing but a file, to the letter", () => {
  withFile(({ path }, folder) => {
    assertEquals(readRuntimeFile(path)?.text, TWO);
    const at = (name: string) => `${folder}/${name}`;
    Deno.symlinkSync(path, at("link"));
    new Deno.Command("mkfifo", { args: [at("fifo")] }).outputSync();
    Deno.writeFileSync(at("bytes"), new Uint8Array([0x22, 0xff, 0x22]));
    Deno.writeTextFileSync(at("large"), "");
    Deno.truncateSync(at("large"), 1024 * 1024 + 1);
    const whys = {
      link: /it is a symbolic link/,
      fifo: /a regular file: it is a fifo/,
      ".": /a regular file: it is a directory/,
      bytes: /not UTF-8/,
      large: /larger than 1048576/,
    };
    for (const [name, why] of Object.entries(whys)) {
      const read = () => readRuntimeFile(at(name));
      assertMatch(refusal("bad-state-file", read).message, why);
    }
  });
});

Deno.test("a change is staged beside the file, and put in its place", () => {
  withFile((staged, folder) => {
    assertEquals(isStaged(staged), false);
    // In place of one that was left.
    for (const _ of [1, 2]) assertEquals(stageRuntime(staged).before, TWO);
    assertEquals(isStaged(staged), true);
    assertEquals(Deno.readTextFileSync(staged.path), TWO);
    discardStaged(staged);
    assertEquals(namesIn(folder), ["vm1.runtime"]);
    commitRuntime(staged, stageRuntime(staged));
    assertEquals(readRuntimeFile(staged.path)?.runtime.disks.length, 1);
    assertEquals(namesIn(folder), ["vm1.runtime"]);
    const { uid, gid, mode } = Deno.statSync(staged.path);
    assertEquals([uid, gid, (mode ?? 0) & 0o7777], [30_001, 30_002, 0o640]);
  });
});

Deno.test("a change is made again on what somebody wrote meanwhile", () => {
  withFile((staged, folder) => {
    const basis = stageRuntime(staged);
    const theirs = [disk(0, 12), disk(1, 13), disk(2, 14)];
    Deno.writeTextFileSync(staged.path, runtimeText({ disks: theirs }));
    commitRuntime(staged, basis);
    assertEquals(
      readRuntimeFile(staged.path)?.runtime.disks.map(({ uuid }) => uuid),
      [uuidOf("disk", 0), uuidOf("disk", 2)],
    );
    assertEquals(namesIn(folder), ["vm1.runtime"]);
  });
});

Deno.test("a change that cannot be written says so", () => {
  withFile((staged, folder) => {
    const basis = stageRuntime(staged);
    Deno.removeSync(staged.path);
    refusal("state-write-failed", () => stageRuntime(staged));
    refusal("state-write-failed", () => commitRuntime(staged, basis));
    Deno.writeTextFileSync(staged.path, "{");
    refusal("state-write-failed", () => stageRuntime(staged));
    const path = `${folder}/none/vm1.runtime`;
    const gone = { ...staged, path };
    refusal("state-write-failed", () => stageRuntime(gone));
    assertEquals(isStaged(gone), false);
  });
});

Deno.test("settleStaged() takes away what a killed call left", () => {
  withFile((staged, folder) => {
    stageRuntime(staged);
    settleStaged(staged);
    settleStaged(staged);
    assertEquals(namesIn(folder), ["vm1.runtime"]);
    // Cut off while it was written.
    Deno.writeTextFileSync(`${folder}/${staged.temporary}`, ONE.slice(0, 9));
    settleStaged(staged);
    assertEquals(namesIn(folder), ["vm1.runtime"]);
    assertEquals(Deno.readTextFileSync(staged.path), TWO);
  });
});

Deno.test("settleStaged() keeps what was exchanged out and is younger", () => {
  withFile((staged, folder) => {
    const theirs = [disk(0, 12), disk(1, 13), disk(2, 14)];
    Deno.writeTextFileSync(staged.path, ONE);
    const out = `${folder}/${staged.temporary}`;
    Deno.writeTextFileSync(out, runtimeText({ disks: theirs }));
    // Older than what is in the file: it lost nothing.
    Deno.utimeSync(out, 1, 1);
    settleStaged(staged);
    assertEquals(Deno.readTextFileSync(staged.path), ONE);
    // Written within the same tick of the file system's clock.
    Deno.writeTextFileSync(out, runtimeText({ disks: theirs }));
    for (const one of [staged.path, out]) Deno.utimeSync(one, 1, 1);
    settleStaged(staged);
    assertEquals(readRuntimeFile(staged.path)?.runtime.disks.length, 2);
    assertEquals(namesIn(folder), ["vm1.runtime"]);
  });
});

Deno.test("createRuntime() makes a file where there is none", () => {
  withFile(({ path, temporary }, folder) => {
    const first = { path, temporary, text: ONE };
    assertEquals(isAsCreated(first), false);
    const error = refusal("state-write-failed", () => createRuntime(first));
    assertMatch(error.message, /already exists/);
    assertEquals(Deno.readTextFileSync(path), TWO);
    removeCreated(first);
    assertEquals(namesIn(folder), ["vm1.runtime"]);
    Deno.removeSync(path);
    createRuntime(first);
    assertEquals(isAsCreated(first), true);
    const { uid, mode } = Deno.statSync(path);
    assertEquals([uid, (mode ?? 0) & 0o7777], [0, 0o600]);
    assert(namesIn(folder).length === 1);
    removeCreated(first);
    assertEquals(namesIn(folder), []);
    removeCreated(first);
  });
});
