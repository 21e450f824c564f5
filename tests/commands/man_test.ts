import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { helpOn } from "../../lib/commands/help.ts";
import { manPage } from "../../lib/commands/man.ts";
import { GLOBAL_OPTIONS } from "../../lib/words/options.ts";
import { refusal } from "../support/facts.ts";

const LINES = manPage().split("\n");

/** The lines below a heading, up to the next. */
function below(heading: string): string[] {
  const at = LINES.indexOf(heading);
  assert(at >= 0, heading);
  const rest = LINES.slice(at + 1);
  const end = rest.findIndex((line) => /^\.S[HS] /.test(line));
  return end < 0 ? rest : rest.slice(0, end);
}

Deno.test("manPage() has its sections in the usual order", () => {
  assertEquals(LINES.filter((line) => line.startsWith(".SH ")), [
    ".SH NAME",
    ".SH SYNOPSIS",
    ".SH DESCRIPTION",
    ".SH COMMANDS",
    ".SH OPTIONS OF EVERY COMMAND",
    ".SH EXIT STATUS",
    ".SH FILES",
    ".SH ENVIRONMENT",
    ".SH SEE ALSO",
  ]);
  assertEquals(
    LINES[0]?.replace(/[\d.]+" "/, 'V" "'),
    '.TH KVM\\-HOTPLUG 8 "" "kvm\\-hotplug V" "System Administration"',
  );
  assertEquals(below(".SH NAME"), [
    "kvm\\-hotplug \\- hotplug disks, NICs, processors and memory of running QEMU/KVM VMs",
  ]);
  assertEquals(below(".SH SYNOPSIS"), [
    "\\fBkvm\\-hotplug\\fR \\fIcommand\\fR [\\fIoptions\\fR]",
  ]);
  const [first, ...more] = below(".SH DESCRIPTION");
  assertEquals(first?.startsWith("kvm\\-hotplug adds devices"), true);
  assertEquals(
    more.filter((line) => /^(?:\.PP|INSTANCE) ?/.test(line)).length,
    2,
  );
  assertEquals(below(".SH SEE ALSO"), [
    ...[".BR qemu (1),", ".BR gnt\\-instance (8)", ""],
  ]);
});

Deno.test("manPage() tells of every command, option, status and file", () => {
  const names = COMMANDS.map(({ name }) =>
    `.SS ${name.replaceAll("-", "\\-")}`
  );
  assertEquals(LINES.filter((line) => line.startsWith(".SS ")), names);
  for (const { name, options } of COMMANDS) {
    const text = below(`.SS ${name.replaceAll("-", "\\-")}`);
    const count = text.filter((line) => line === ".TP").length;
    assertEquals(count, options.length, name);
    assertEquals(text.slice(-2), [".fi", ".in"], name);
    const from = text.indexOf("Examples:");
    assertEquals(
      [text[from - 1], ...text.slice(from + 1, from + 4)],
      [".PP", ".PP", ".in 3n", ".nf"],
      name,
    );
    assert(text.length - from > 6, `no example of ${name}`);
  }
  const every = below(".SH OPTIONS OF EVERY COMMAND");
  assertEquals(every.length, 3 * GLOBAL_OPTIONS.length);
  const statuses = below(".SH EXIT STATUS");
  const bold = statuses.filter((_, i) => i % 3 === 1);
  assertEquals(bold, [0, 1, 2, 3, 4, 5, 6, 7].map((one) => `\\fB${one}\\fR`));
  assert(statuses.every((line, i) => i % 3 !== 2 || /^[A-Z].*\.$/.test(line)));
  const [where, ...files] = below(".SH FILES");
  assert(where?.includes("/var/run/ganeti"), where);
  assertEquals(
    files.filter((_, i) => i % 3 === 1).map((line) => line.slice(3, -3)),
    [
      "kvm\\-hypervisor/ctrl/NAME.qmp",
      "kvm\\-hypervisor/conf/NAME.runtime",
      "kvm\\-hypervisor/nic/NAME/SEQ",
      "kvm\\-hotplug/NAME.lock, .journal, .json",
    ],
  );
  assertEquals(below(".SH ENVIRONMENT"), [
    ...[
      ".TP",
      "\\fBKVM_HOTPLUG_RUN_DIR\\fR",
      "The run directory, unless \\-\\-run\\-dir names one.",
    ],
    ...[".TP", "\\fBGANETI_ROOTDIR\\fR, \\fBGANETI_HOSTNAME\\fR"],
    "The root directory and the node name in a virtual cluster of Ganeti.",
    ...[".TP", "\\fBCOLUMNS\\fR"],
    "The width of the text, if neither stdout nor stderr is a terminal.",
    ...[".TP", "\\fBNO_COLOR\\fR", "If set, the output has no colour."],
    ...[".TP", "\\fBXDG_STATE_HOME\\fR"],
    "The folder of kvm\\-hotplug/shell_history, the history of the shell, if not $HOME/.local/state.",
    ...[".TP", "\\fBSSH_CONNECTION\\fR, \\fBSUDO_USER\\fR"],
    "Noted by \\-\\-log as the caller of a change.",
  ]);
});

Deno.test("manPage() sets words fat, metavariables lean, and escapes", () => {
  const [line, , summary] = below(".SS disk set");
  assertEquals(
    line,
    "\\fBkvm\\-hotplug disk set\\fR \\fIINSTANCE\\fR \\fIDISK\\fR [\\fIoptions\\fR]",
  );
  assertEquals(
    summary,
    "Change or show I/O limits; change the medium of a drive.",
  );
  const text = LINES.join("\n");
  assert(text.includes("\n\\fB\\-\\-uuid\\fR \\fIU\\fR\n"));
  assert(text.includes("\n\\fB\\-\\-force\\fR\n"));
  assert(text.includes(" Default: a random one.\n"));
  assert(/\n\\fB\\-\w\\fR, \\fB\\-\\-/.test(text), "a short option");
  // What begins with a dot is a command of roff's.
  const known = /^\.(?:TH|SH|SS|TP|PP|in|nf|fi|BR)\b/;
  const odd = LINES.filter((one) => /^[.']/.test(one) && !known.test(one));
  assertEquals(odd, []);
  assertEquals(text.includes("\\(dq"), true);
});

Deno.test("helpOn() is on one command, or on those that begin so", () => {
  assert(helpOn("disk add").startsWith("Usage: kvm-hotplug disk add INSTANCE"));
  const group = helpOn("disk").split("\n");
  assertEquals(group[0], "Usage: kvm-hotplug disk COMMAND [options]");
  assertEquals([group[1], group.at(-2)], ["", ""]);
  const rows = group.slice(2, -2).filter((line) => /^ {2}disk /.test(line));
  assertEquals(rows.length, 4);
  assertEquals(
    group.at(-1),
    "kvm-hotplug help disk add shows the options and examples",
  );
  const { message, hint } = refusal("usage", () => helpOn("dis"));
  assertEquals([message, typeof hint], ['No command "dis"', "string"]);
});
