/**
 * V8's code of a program's texts, made by the build: the database in which
 * Deno looks for it.
 *
 * V8's code has the functions that V8 was made to compile. A debugger that asks
 * where a function could be stopped makes V8 compile it without a call: so the
 * build has V8 compile the functions that the program uses (used.ts). The
 * others are compiled when they are called.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { dataUrl } from "../data_url.ts";
import { runDeno } from "../run_deno.ts";
import { COMPILE_TEXT, TEXT_NAME } from "../texts.ts";
import { usedPlaces } from "./used.ts";

/** Deno's name of the database, in its cache folder. */
const DATABASE = "v8_code_cache_v2";

/** Compiles the texts in a file, so that V8's code gets into the cache. */
const WARM_UP = COMPILE_TEXT +
  "JSON.parse(Deno.readTextFileSync(Deno.args[0])).forEach(compileText)";

/**
 * Writes V8's code of texts. Arguments: a file with the texts and the places of
 * functions in each, or null for all of them; a folder for the results.
 */
const COMPILE_USED = `
import { Session } from "node:inspector";
import { Script } from "node:vm";
const [list, folder] = Deno.args;
const session = new Session();
session.connect();
const post = (method, params = {}) => new Promise((done, failed) =>
  session.post(method, params, (error, result) =>
    error ? failed(new Error(method)) : done(result)));
const ids = new Map();
session.on("Debugger.scriptParsed", ({ params }) =>
  ids.set(params.url, params.scriptId));
await post("Debugger.enable");
const texts = JSON.parse(Deno.readTextFileSync(list));
for (const [index, { text, places }] of texts.entries()) {
  const filename = "${TEXT_NAME}" + index;
  const script = new Script(text, { filename });
  script.runInThisContext();
  await post("Debugger.enable"); // what was parsed is told with an answer
  const scriptId = ids.get(filename);
  const compile = (start, end) =>
    post("Debugger.getPossibleBreakpoints", { start, end });
  if (places === null) await compile({ scriptId, lineNumber: 0 });
  for (const [lineNumber, columnNumber] of places ?? []) {
    await compile({ scriptId, lineNumber, columnNumber },
      { scriptId, lineNumber, columnNumber: columnNumber + 1 });
  }
  Deno.writeFileSync(folder + "/" + index, script.createCachedData());
}
Deno.exit();
`;

/** As Deno makes it (cli/cache/code_cache.rs). */
const SCHEMA = `
CREATE TABLE info (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE codecache (specifier TEXT NOT NULL, type INTEGER NOT NULL,
  source_hash INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (specifier, type));
`;

/** A row of the database's table `codecache`. */
interface Row {
  readonly specifier: string;
  readonly type: bigint;
  readonly source_hash: bigint;
  readonly data: Uint8Array;
}

/** The rows about the texts, in a fixed order. */
function rowsIn(database: DatabaseSync): Row[] {
  const rows = database.prepare(
    "SELECT * FROM codecache WHERE specifier LIKE ? ORDER BY specifier, type",
  );
  rows.setReadBigInts(true); // hashes of 64 bits
  return rows.all(`${TEXT_NAME}%`) as unknown as Row[];
}

function rowsOf(path: string): Row[] {
  using database = new DatabaseSync(path);
  return rowsIn(database);
}

/**
 * Writes a database of its own, because Deno's database differs from run to
 * run.
 */
function distil(from: string, rows: readonly Row[], to: string): void {
  using source = new DatabaseSync(from);
  using target = new DatabaseSync(to);
  target.exec(`PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; ${SCHEMA}`);
  const info = target.prepare("INSERT INTO info VALUES (?, ?)");
  for (const row of source.prepare("SELECT * FROM info ORDER BY key").all()) {
    info.run(...Object.values(row));
  }
  const code = target.prepare("INSERT INTO codecache VALUES (?, ?, ?, ?)");
  for (const { specifier, type, source_hash, data } of rows) {
    code.run(specifier, type, source_hash, data);
  }
}

/** The lines and columns, from 0, of places in a text, which ascend. */
function positions(text: string, places: readonly number[]) {
  let [line, begin] = [0, 0];
  return places.map((place) => {
    for (let end; (end = text.indexOf("\n", begin)) >= 0 && end < place;) {
      [line, begin] = [line + 1, end + 1];
    }
    return [line, place - begin];
  });
}

/**
 * The database in which Deno finds V8's code of the texts. The same texts,
 * Deno and flags give the same bytes.
 *
 * @param options.command how the Deno that the program is for is run here: V8
 * takes no code that was made by another version or for another architecture.
 * @default the one that runs us
 * @param options.flags as the program will be run with: V8 takes no code that
 * was made under others.
 * @param options.used keys of the functions whose code is made (used.ts).
 * @default all functions
 * @param options.folder an existing folder for intermediate files, the
 * caller's to remove.
 * @throws {Error} if Deno made none, or not for each text, or V8 does not take
 * it
 */
export async function makeCodeCache(
  texts: readonly string[],
  { command, flags, used, folder }: {
    command?: readonly string[];
    flags: readonly string[];
    used?: ReadonlySet<string> | undefined;
    folder: string;
  },
): Promise<Uint8Array> {
  const list = `${folder}/texts.json`;
  const run = async (code: string, to: string, input: unknown) => {
    await Deno.writeTextFile(list, JSON.stringify(input));
    await Deno.mkdir(to, { recursive: true });
    const args = ["run", ...flags, dataUrl(code), list, to];
    const { status, reason } = await runDeno(args, {
      env: { DENO_DIR: to },
      ...(command === undefined ? {} : { command }),
    });
    if (status !== 0) throw new Error(`Cannot make the code cache: ${reason}`);
  };
  const [made, compiled, proof] = ["made", "compiled", "proof"]
    .map((name) => `${folder}/${name}`) as [string, string, string];
  // Deno's hash of each text.
  await run(WARM_UP, made, texts);
  const rows = rowsOf(`${made}/${DATABASE}`);
  if (rows.length !== texts.length) {
    throw new Error(
      `Cannot make the code cache: ${rows.length} texts of ${texts.length} are in it`,
    );
  }
  const places = (text: string) =>
    used === undefined ? null : positions(text, usedPlaces(text, used));
  const wanted = texts.map((text) => ({ text, places: places(text) }));
  await run(COMPILE_USED, compiled, wanted);
  const filled = rows.map((row) => ({
    ...row,
    data: Deno.readFileSync(
      `${compiled}/${row.specifier.slice(TEXT_NAME.length)}`,
    ),
  }));
  const out = `${folder}/code_cache`;
  distil(`${made}/${DATABASE}`, filled, out);
  const code = await Deno.readFile(out);
  await Deno.mkdir(proof);
  await Deno.writeFile(`${proof}/${DATABASE}`, code);
  // V8 makes rejected code again, and Deno replaces it.
  await run(WARM_UP, proof, texts);
  const after = rowsOf(`${proof}/${DATABASE}`);
  const taken = after.every(({ data }, i) => isSame(data, filled[i]?.data));
  if (!taken) {
    throw new Error("Cannot make the code cache: V8 does not take it");
  }
  return code;
}

function isSame(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return one.length === other?.length &&
    one.every((byte, i) => byte === other[i]);
}
