/**
 * V8's code of a program's texts, made by the build: the database in which
 * Deno looks for it.
 *
 * V8 takes no code that was made under other flags than it runs with. The code
 * is made whole (`--no-lazy`), for what is missing would be compiled at every
 * start. Yet a program that finds no code must compile only what it calls, so
 * it does not run under that flag: the sum of the flags, which V8 writes into
 * what it made, is replaced by that of the program's own. What was compiled is
 * the same bytecode under either.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { dataUrl } from "../data_url.ts";
import { runDeno } from "../run_deno.ts";
import { COMPILE_TEXT, TEXT_NAME } from "../texts.ts";

/** Deno's name of the database, in its cache folder. */
const DATABASE = "v8_code_cache_v2";

/** Compiles the texts in a file, so that V8's code gets into the cache. */
const WARM_UP = COMPILE_TEXT +
  "JSON.parse(Deno.readTextFileSync(Deno.args[0])).forEach(compileText)";

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

/**
 * Bytes of V8's header (SerializedCodeData): magic number, version, length of
 * the source, flags, snapshot, length, and, if asked for, the sum of the rest.
 */
const HEADER = { version: 4, flags: 12, snapshot: 16 };

/** Code that V8 takes as made under the flags of another one. */
function withFlagsOf(other: Uint8Array, code: Uint8Array): Uint8Array {
  const [from, to] = [other.slice(), code.slice()]
    .map((bytes) => new DataView(bytes.buffer)) as [DataView, DataView];
  const same = (at: number) => from.getUint32(at) === to.getUint32(at);
  if (
    !same(0) || !same(HEADER.version) || !same(HEADER.snapshot) ||
    same(HEADER.flags)
  ) {
    throw new Error("Cannot make the code cache: V8 has another header");
  }
  to.setUint32(HEADER.flags, from.getUint32(HEADER.flags));
  return new Uint8Array(to.buffer);
}

/** With functions compiled whether or not they are called. */
function whole(flags: readonly string[]): string[] {
  return flags.map((flag) =>
    flag.startsWith("--v8-flags=") ? `${flag},--no-lazy` : flag
  );
}

/**
 * The database in which Deno finds V8's code of the texts. The same texts,
 * Deno and flags give the same bytes.
 *
 * @param options.command how the Deno that the program is for is run here: V8
 * takes no code that was made by another version or for another architecture.
 * @default the one that runs us
 * @param options.flags as the program will be run with.
 * @param options.folder an existing folder for intermediate files, the
 * caller's to remove.
 * @throws {Error} if Deno made none, or not for each text, or V8 does not take
 * it
 */
export async function makeCodeCache(
  texts: readonly string[],
  { command, flags, folder }: {
    command?: readonly string[];
    flags: readonly string[];
    folder: string;
  },
): Promise<Uint8Array> {
  const warmUp = async (
    name: string,
    flags: readonly string[],
    texts: readonly string[],
  ) => {
    const [list, cache] = [`${folder}/texts.json`, `${folder}/${name}`];
    await Deno.writeTextFile(list, JSON.stringify(texts));
    const args = ["run", ...flags, dataUrl(WARM_UP), list];
    const { status, reason } = await runDeno(args, {
      env: { DENO_DIR: cache },
      ...(command === undefined ? {} : { command }),
    });
    if (status !== 0) throw new Error(`Cannot make the code cache: ${reason}`);
    return `${cache}/${DATABASE}`;
  };
  const made = await warmUp("whole", whole(flags), texts);
  const rows = rowsOf(made);
  if (rows.length !== texts.length) {
    throw new Error(
      `Cannot make the code cache: ${rows.length} texts of ${texts.length} are in it`,
    );
  }
  const [sample] = rowsOf(await warmUp("sample", flags, ["({})"]));
  if (sample === undefined) throw new Error("Cannot make the code cache");
  const out = `${folder}/code_cache`;
  const marked = rows.map((row) => ({
    ...row,
    data: withFlagsOf(sample.data, row.data),
  }));
  distil(made, marked, out);
  const code = await Deno.readFile(out);
  await Deno.mkdir(`${folder}/proof`);
  await Deno.writeFile(`${folder}/proof/${DATABASE}`, code);
  // V8 makes rejected code again, and Deno replaces it.
  const after = rowsOf(await warmUp("proof", flags, texts));
  const taken = after.every(({ data }, i) => isSame(data, marked[i]?.data));
  if (!taken) {
    throw new Error("Cannot make the code cache: V8 does not take it");
  }
  return code;
}

function isSame(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return one.length === other?.length &&
    one.every((byte, i) => byte === other[i]);
}
