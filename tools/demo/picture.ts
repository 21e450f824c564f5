/**
 * A picture of a terminal, as SVG with searchable text.
 *
 * @module
 */

/** Characters a line; a longer one goes on in the next. */
const COLUMNS = 100;
/** In pixels; the letters of each monospace font are 0.6 as wide as high. */
const FONT = 14;
const LETTER = FONT * 0.6;
const LINE = 20;
const MARGIN = 16;
const BAR = 28;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function unescape(text: string): string {
  return text.replaceAll("&quot;", '"').replaceAll("&gt;", ">")
    .replaceAll("&lt;", "<").replaceAll("&amp;", "&");
}

/** A line in pieces that fit, cut at a blank where there is one. */
function pieces(line: string): string[] {
  if (line.length <= COLUMNS) return [line];
  const blank = line.lastIndexOf(" ", COLUMNS);
  const at = blank > COLUMNS / 2 ? blank + 1 : COLUMNS;
  return [line.slice(0, at), ...pieces(line.slice(at))];
}

// deno-lint-ignore no-control-regex -- what a terminal is sent
const STYLE = /\x1b\[\d*m/g;

function classOf(line: string): string {
  if (line.includes("\x1b[1m")) return "heading";
  if (line.startsWith("$ ")) return "command";
  return line.startsWith("  guest> ") ? "guest" : "";
}

/** Draws the lines of a terminal. */
export function pictureOf(text: string): string {
  const rows = text.split("\n").flatMap((line) => {
    const style = classOf(line);
    const [first = "", ...rest] = pieces(line.replace(STYLE, ""));
    return [
      { style, text: first, part: "" },
      ...rest.map((one) => ({ style, text: one, part: " more" })),
    ];
  });
  const width = Math.ceil(COLUMNS * LETTER + 2 * MARGIN);
  const height = BAR + rows.length * LINE + MARGIN;
  const drawn = rows.map(({ style, text, part }, k) => {
    const y = BAR + (k + 1) * LINE - 6;
    const name = `row ${style}${part}`.trim();
    return `<text class="${name}" x="${MARGIN}" y="${y}">${
      escape(text)
    }</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A terminal that shows the demo of kvm-hotplug">
<style>
.row { font: ${FONT}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d7dae0; white-space: pre; }
.heading { fill: #ffffff; font-weight: bold; }
.command { fill: #8ec07c; }
.guest { fill: #83a5e0; }
</style>
<rect width="${width}" height="${height}" rx="8" fill="#1d2026"/>
<circle cx="18" cy="15" r="5" fill="#e06c75"/><circle cx="36" cy="15" r="5" fill="#e5c07b"/><circle cx="54" cy="15" r="5" fill="#98c379"/>
${drawn.join("\n")}
</svg>
`;
}

/** The lines that a picture shows, without their styles. */
export function linesIn(picture: string): string[] {
  const rows = picture.matchAll(/<text class="row([^"]*)"[^>]*>([^<]*)</g);
  const lines: string[] = [];
  for (const [, style = "", text = ""] of rows) {
    const isMore = / more$/.test(style) && lines.length > 0;
    if (isMore) lines.push(lines.pop() + unescape(text));
    else lines.push(unescape(text));
  }
  return lines;
}

/** Lines without what differs from one run to the next. */
export function withoutChance(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line
      .replace(/\/\S+\/data\.img/g, "DATA")
      .replace(/\S+\.example\.com/g, "NAME")
      .replace(/\b(disk|nic)-[0-9a-f]{8}-pci-(\d+)/g, "$1-ID-pci-$2")
      .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
      .replace(/\btap\d+/g, "TAP")
      .replace(/\bQEMU [\d.]+/g, "QEMU VERSION")
      .replace(/\bpc-i440fx-[\d.]+/g, "MACHINE")
      .replace(/\bpid \d+/g, "pid PID")
      .replace(/ {2,}/g, "  ")
  );
}
