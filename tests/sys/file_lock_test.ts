import { assertEquals } from "@std/assert";
import {
  flock,
  isRangeLocked,
  openFile,
  TimeLimit,
} from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { PATIENCE, TempDir } from "./support.ts";

Deno.test("flock() is refused while another open file has it", () => {
  using dir = new TempDir();
  const path = dir.file("lock", "");
  using holder = openFile(path, O.RDWR);
  using other = openFile(path, O.RDWR);
  assertEquals(flock(holder, "exclusive"), true);
  assertEquals(flock(other, "exclusive"), false);
  assertEquals(flock(other, "shared"), false);
  assertEquals(flock(holder, "shared"), true);
  assertEquals(flock(other, "shared"), true);
  assertEquals(flock(other, "exclusive"), false);
  assertEquals(flock(holder, "unlock"), true);
  assertEquals(flock(other, "exclusive"), true);
});

Deno.test("flock() goes with the descriptor", () => {
  using dir = new TempDir();
  const path = dir.file("lock", "");
  using holder = openFile(path, O.RDWR);
  using other = openFile(path, O.RDWR);
  flock(holder, "exclusive");
  holder.close();
  assertEquals(flock(other, "exclusive"), true);
});

Deno.test("flock() is refused while another process has it", async () => {
  using dir = new TempDir();
  const path = dir.file("lock", "");
  using fd = openFile(path, O.RDWR);
  const child = new Deno.Command("flock", {
    args: [path, "sh", "-c", "echo locked; read line"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  assertEquals(flock(fd, "exclusive"), false);
  await child.stdin.close();
  await child.status;
  await reader.cancel();
  assertEquals(flock(fd, "exclusive"), true);
});

Deno.test("isRangeLocked() sees the lock of another process", async () => {
  using dir = new TempDir();
  const path = dir.file("image", "x".repeat(300));
  using fd = openFile(path, O.RDONLY);
  using limit = new TimeLimit(PATIENCE.timeoutMs);
  const locked = (start: number, length: number) =>
    isRangeLocked(fd, { start, length }, limit);
  const script = `import fcntl, sys
f = open(sys.argv[1], "r+b")
fcntl.lockf(f, fcntl.LOCK_EX, 2, 201)
print("locked", flush=True)
sys.stdin.read()`;
  const child = new Deno.Command("python3", {
    args: ["-c", script, path],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  assertEquals(await locked(200, 4), true);
  assertEquals(await locked(100, 4), false);
  assertEquals(await locked(203, 1), false);
  await child.stdin.close();
  await child.status;
  await reader.cancel();
  assertEquals(await locked(200, 4), false);
});
