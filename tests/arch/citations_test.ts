/** What comments cite of docs stands there, under that number or title. */
import { DISK_PROPERTIES } from "../../lib/device/disk_properties.ts";
import { assertEquals } from "@std/assert";
import {
  commentsOf,
  libFiles,
  readSource,
  testFiles,
  toolFiles,
} from "./source.ts";

/** Comments of the whole project, each with its file. */
function allComments(): { readonly path: string; readonly text: string }[] {
  const files = [readSource("main.ts"), ...libFiles(), ...toolFiles()];
  return [...files, ...testFiles()]
    .filter(({ path }) => path !== "tests/arch/citations_test.ts")
    .flatMap((file) =>
      commentsOf(file).map((text) => ({ path: file.path, text }))
    );
}

/** The sections of a page: their titles, and what stands in each. */
function sectionsOf(path: string): { title: string; text: string }[] {
  const parts = readSource(path).text.split(/^#{2,} /m).slice(1);
  return parts.map((part) => {
    const [title = "", ...lines] = part.split("\n");
    return { title: title.replaceAll("`", ""), text: lines.join("\n") };
  });
}

const NUMBER = String.raw`\d+(?:\.\d+)?`;
const SPEC = new RegExp(
  String
    .raw`\bSPEC\b(?: (?:sections? )?(${NUMBER}(?:(?:,| and| to) ${NUMBER})*)(?:(?:,| and)[^.]{0,30}? items? (\d+(?: and \d+)*))?)?`,
  "g",
);

Deno.test("every SPEC n.n of a comment is a section of docs/ganeti.md", () => {
  const sections = new Map(
    sectionsOf("docs/ganeti.md").map(({ title, text }) =>
      [/^[\d.]*\d/.exec(title)?.[0] ?? title, text] as const
    ),
  );
  let cited = 0;
  const missing = allComments().flatMap(({ path, text }) =>
    [...text.matchAll(SPEC)].flatMap(([what, numbers = "", items = ""]) => {
      const found = numbers.match(/[\d.]*\d/g) ?? [];
      cited += found.length;
      const last = sections.get(found.at(-1) ?? "") ?? "";
      const lost = (items.match(/\d+/g) ?? []).filter((item) =>
        !new RegExp(`^${item}\\. `, "m").test(last)
      );
      const ok = found.length > 0 && lost.length === 0 &&
        found.every((number) => sections.has(number));
      return ok ? [] : [`${path}: ${what}`];
    })
  );
  assertEquals(missing, []);
  assertEquals(cited > 50, true, "the pattern finds them");
});

const INTERFACE =
  /(?<![`\w"])INTERFACE(?![`\w="])(?:, (?:"([^"]+)"|promises? (\d+)))?/g;

Deno.test("every INTERFACE place of a comment is in docs/interface.md", () => {
  const sections = sectionsOf("docs/interface.md");
  const promises = sections.find(({ title }) => title === "Promises")?.text;
  let cited = 0;
  const missing = allComments().flatMap(({ path, text }) =>
    [...text.matchAll(INTERFACE)].flatMap(([what, title, promise]) => {
      cited++;
      const ok = title !== undefined
        ? sections.some((one) => one.title.startsWith(title))
        : promise !== undefined &&
          new RegExp(`^${promise}\\. `, "m").test(promises ?? "");
      return ok ? [] : [`${path}: ${what}`];
    })
  );
  assertEquals(missing, []);
  assertEquals(cited > 10, true, "the pattern finds them");
});

Deno.test("links between the pages lead to files that are there", () => {
  const pages = ["README.md", "CONTRIBUTING.md", "tests/README.md"];
  const docs = [...Deno.readDirSync(new URL("../../docs", import.meta.url))]
    .map(({ name }) => `docs/${name}`);
  const broken = [...pages, ...docs].flatMap((page) =>
    [...readSource(page).text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const url = new URL(target, new URL(`../../${page}`, import.meta.url));
        return Deno.statSync(url).isFile === undefined;
      })
      .map((target) => `${page}: ${target}`)
  );
  assertEquals(broken, []);
});

Deno.test("docs/operating.md has a row for each code of a difference", () => {
  const rooms = /^lib\/(?:compare|disk|memory|nic|plan|vcpu)\//;
  const codes = libFiles().filter(({ path }) => rooms.test(path))
    .flatMap(({ text }) => [
      ...[...text.matchAll(/\bcode: "([a-z-]+)"/g)].map(([, code]) => code),
      ...[...text.matchAll(/\bdrift\(\s*"([a-z-]+)"/g)]
        .map(([, kind]) => `link-${kind}`),
    ]);
  assertEquals(codes.length > 25, true, "the pattern finds them");
  const told = sectionsOf("docs/operating.md")
    .find(({ title }) => title === "What can differ")?.text ?? "";
  const rows = [...told.matchAll(/^\| `([a-z-]+)` /gm)].map(([, code]) => code);
  assertEquals(codes.filter((code) => !rows.includes(code)), []);
});

Deno.test("docs/operating.md has a row for each code of a remark", () => {
  const codes = libFiles().flatMap(({ text }) =>
    [...text.matchAll(/\bremark\(\s*"([a-z0-9-]+)"/g)].map(([, code]) => code)
  );
  assertEquals(codes.length > 35, true, "the pattern finds them");
  const rows = sectionsOf("docs/operating.md").flatMap(({ title, text }) =>
    /^What (?:can differ|else is told)$/.test(title)
      ? [...text.matchAll(/^\| `([a-z0-9-]+)` /gm)].map(([, code]) => code)
      : []
  );
  assertEquals(codes.filter((code) => !rows.includes(code)), []);
});

Deno.test("docs/operating.md names a test for each option that it promises", () => {
  const told = sectionsOf("docs/operating.md")
    .find(({ title }) => title.startsWith("What an option does"))?.text ?? "";
  const rows = told.split("\n").filter((line) => line.startsWith("| `--"))
    .map((line) => line.split("|").slice(1, -1));
  const options = (cell = "") =>
    [...cell.matchAll(/`--([a-z-]+)`/g)].map(([, name = ""]) => name);
  const wanted = [
    ...DISK_PROPERTIES.map(({ option }) => option),
    ...["iops", "bps", "limit-group", "mtu", "rate-in", "rate-out"],
  ];
  const found = rows.flatMap(([option]) => options(option));
  assertEquals(wanted.filter((name) => !found.includes(name)), []);
  const untested = rows.flatMap((row) => {
    const [first = ""] = options(row[0]);
    const files = [...(row.at(-1) ?? "").matchAll(/`([a-z_]+_test)`/g)];
    assertEquals(files.length > 0, true, first);
    return files.map(([, name]) => `tests/qemu/${name}.ts`)
      .filter((path) => !readSource(path).text.includes(`--${first}`))
      .map((path) => `${path}: --${first}`);
  });
  assertEquals(untested, []);
});
