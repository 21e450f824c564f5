/** The executable for aarch64 under a kernel of its own, without qemu-user. */
import { responseOf } from "../support/document.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { arm64Deno, buildArm64 } from "../lab/aarch64.ts";
import { runOnArm64 } from "../lab/arm64_kernel.ts";

const LIST = '{"jsonrpc":"2.0","id":1,"method":"list","params":{}}';

/** Starts it, and looks at V8's code while it runs. */
const SCRIPT = `
uname -m
/kvm-hotplug --version
/kvm-hotplug list
mkfifo /in /out
/kvm-hotplug rpc < /in > /out &
exec 3> /in 4< /out
echo '${LIST}' >&3
read -r answer <&4
echo "$answer"
cd /proc/$!/fd/901
echo "$(wc -c < v8_code_cache_v2) $(wc -c < v8_code_cache_v2-wal)"
cd /
exec 3>&-
wait $!
echo status $?`;

Deno.test("Debian's arm64 kernel starts the executable, V8's code included", async () => {
  const deno = await arm64Deno();
  if (deno === undefined) throw new Error("Cannot try it: no Deno for aarch64");
  const scratch = await Deno.makeTempDir({ prefix: "kvm-hotplug-arm64-" });
  try {
    const command = await buildArm64(deno, scratch);
    const executable = command.at(-1) ?? "";
    const prefix = command[command.indexOf("-L") + 1] ?? "";
    const libraries = `${prefix}/lib`;
    const said = await runOnArm64(SCRIPT, { executable, libraries, scratch });
    const [arch, version, list, answer, sizes = "", status] = said.split("\n");
    assertEquals([arch, version, list, status], [
      "aarch64",
      `kvm-hotplug ${VERSION}`,
      "no instances on this node",
      "status 0",
    ]);
    assertEquals(responseOf(answer ?? "", "list").result.instances, []);
    // Whatever V8 does not take is compiled and kept anew: a sixth of it, as
    // far as it is called.
    assertMatch(sizes, /^\d{7} \d+$/);
    const [given = 0, written = 0] = sizes.split(" ").map(Number);
    assert(written < given / 10, sizes);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
});
