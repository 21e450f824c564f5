import { assertEquals, assertMatch } from "@std/assert";
import { instancePaths } from "../../lib/state/instance.ts";
import {
  findOwnFile,
  JournalFile,
  readJournalFile,
  removeJournalFile,
} from "../../lib/state/journal_file.ts";
import { openOwnDirectory } from "../../lib/state/lock.ts";
import { refusal } from "../support/facts.ts";

/** A run directory, the path of its journal, and how the journal is read. */
function withJournal(
  body: (vm: {
    paths: ReturnType<typeof instancePaths>;
    path: string;
    read: () => ReturnType<typeof readJournalFile>;
  }) => void,
): void {
  const runDir = Deno.makeTempDirSync();
  try {
    const paths = instancePaths(runDir, "vm1");
    const read = () => {
      using dir = openOwnDirectory(runDir);
      return readJournalFile(dir, paths);
    };
    body({ paths, path: `${runDir}/kvm-hotplug/vm1.journal`, read });
    assertEquals(openBelow(runDir), [], "descriptors that stay");
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
}

/** What this process has open there. */
function openBelow(folder: string): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return []; // the listing's own
    }
  });
}

Deno.test("JournalFile writes lines that readJournalFile() reads", () => {
  withJournal(({ paths, path, read }) => {
    assertEquals(read(), { state: "none" });
    assertEquals(findOwnFile(paths, "journal"), "none");
    {
      using journal = new JournalFile(paths, ["first"]);
      journal.append("second");
    }
    const { mode, uid } = Deno.statSync(path);
    assertEquals([(mode ?? 0) & 0o7777, uid], [0o600, 0]);
    assertEquals(findOwnFile(paths, "journal"), "there");
    assertEquals(findOwnFile(paths, "json"), "none");
    const lines = ["first", "second"];
    assertEquals(read(), { state: "there", lines });
    // It was being written when its writer was killed.
    Deno.writeTextFileSync(path, "thi", { append: true });
    assertEquals(read(), { state: "there", lines });
    using dir = openOwnDirectory(paths.runDir);
    removeJournalFile(dir, paths);
    assertEquals(read(), { state: "none" });
  });
});

Deno.test("JournalFile removes its file in the end, and never another", () => {
  withJournal(({ paths, path, read }) => {
    {
      using journal = new JournalFile(paths, ["first"]);
      journal.end();
      assertEquals(read(), { state: "none" });
      journal.end();
    }
    Deno.writeTextFileSync(path, "theirs\n");
    const error = refusal(
      "state-write-failed",
      () => new JournalFile(paths, ["mine"]),
    );
    assertMatch(error.message, /journal vm1\.journal/);
    assertEquals(Deno.readTextFileSync(path), "theirs\n");
  });
});

Deno.test("readJournalFile() uses nothing that is not root's alone", () => {
  const plants: Record<string, (path: string) => void> = {
    "mode 0644": (path) => Deno.chmodSync(path, 0o644),
    "uid 65534": (path) => Deno.chownSync(path, 65534, 0),
    "2 names": (path) => Deno.linkSync(path, `${path}.2`),
    "ELOOP|symbolic link": (path) => {
      Deno.renameSync(path, `${path}.2`);
      Deno.symlinkSync(`${path}.2`, path);
    },
    "a directory": (path) => {
      Deno.removeSync(path);
      Deno.mkdirSync(path, { mode: 0o600 });
    },
    "a fifo": (path) => {
      Deno.removeSync(path);
      new Deno.Command("mkfifo", { args: ["-m", "600", path] }).outputSync();
    },
    "longer than": (path) => Deno.truncateSync(path, 8 * 1024 * 1024 + 1),
  };
  for (const [why, plant] of Object.entries(plants)) {
    withJournal(({ paths, path, read }) => {
      using _journal = new JournalFile(paths, ["first"]);
      plant(path);
      const found = read();
      assertEquals(found.state, "unusable", why);
      if (found.state !== "unusable") return;
      assertMatch(found.why, new RegExp(why));
    });
  }
});
