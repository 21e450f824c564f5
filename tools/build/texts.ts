/**
 * The texts of a packed program: at the end of the executable, read from there
 * when they are needed, and the code that V8 made of them beforehand.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { dataUrl } from "./data_url.ts";
import { runDeno } from "./run_deno.ts";

/**
 * What a text is called: V8's code is found by it, and stack traces show it.
 * Deno's own function, which Deno's `require()` evaluates files with, is not
 * public; without it V8 compiles.
 */
const EVALUATE = "const compileText=(text,index)=>{try{" +
  "const[value,error]=Deno[Deno.internal].core.evalContext(text," +
  "`file:///kvm-hotplug/${index}`,[]);if(!error)return value}catch{}" +
  "return(0,eval)(text)};";

/** What each text begins with, and another file would not. */
const BEGINNING = "({";

/**
 * JavaScript that defines `evaluateText`, a function of the index of a text
 * that gives what it comes to. The executable stays open: a text that undoes
 * something must be there when no descriptor is left.
 *
 * @param sizes in bytes, in the order of the texts, which end the executable.
 */
export function textReader(sizes: readonly number[]): string {
  return EVALUATE + `const textSizes=${JSON.stringify(sizes)};let textFile;` +
    "const evaluateText=index=>{" +
    'const file=textFile??=Deno.openSync("/proc/self/exe");' +
    "file.seekSync(-textSizes.slice(index).reduce((a,b)=>a+b),2);" +
    "const bytes=new Uint8Array(textSizes[index]);let count=0;" +
    "for(let part;count<bytes.length&&" +
    "(part=file.readSync(bytes.subarray(count)))!==null;)count+=part;" +
    "const text=new TextDecoder().decode(bytes);" +
    `if(text.startsWith(${JSON.stringify(BEGINNING)}))` +
    "return compileText(text,index);" +
    'console.error("The program could not be read from /proc/self/exe, " +' +
    '"which must be its own executable: "+Deno.readLinkSync("/proc/self/exe"));' +
    "Deno.exit(1)};";
}

/** Evaluates the texts in a file, so that V8's code gets into the cache. */
const WARM_UP = EVALUATE +
  "JSON.parse(Deno.readTextFileSync(Deno.args[0])).forEach(compileText)";

/** As Deno makes it (cli/cache/code_cache.rs). */
const SCHEMA = `
CREATE TABLE info (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE codecache (specifier TEXT NOT NULL, type INTEGER NOT NULL,
  source_hash INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (specifier, type));
`;

/** Moves what is about the texts, in a fixed order, into a file of its own. */
function distil(from: string, to: string): number {
  using source = new DatabaseSync(from);
  using target = new DatabaseSync(to);
  target.exec(`PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; ${SCHEMA}`);
  const copy = (table: string, where: string) => {
    const rows = source.prepare(`SELECT * FROM ${table} ${where}`);
    rows.setReadBigInts(true); // hashes of 64 bits
    let count = 0;
    for (const row of rows.iterate()) {
      const values = Object.values(row);
      const places = values.map(() => "?").join(", ");
      target.prepare(`INSERT INTO ${table} VALUES (${places})`).run(...values);
      count++;
    }
    return count;
  };
  copy("info", "ORDER BY key");
  return copy(
    "codecache",
    "WHERE specifier LIKE 'file:///kvm-hotplug/%' ORDER BY specifier, type",
  );
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
 * @param options.folder an existing folder for intermediate files, the
 * caller's to remove.
 * @throws {Error} if Deno made none, or not for each text
 */
export async function makeCodeCache(
  texts: readonly string[],
  { command, flags, folder }: {
    command?: readonly string[];
    flags: readonly string[];
    folder: string;
  },
): Promise<Uint8Array> {
  const [list, cache, out] = ["texts.json", "deno", "code_cache"]
    .map((name) => `${folder}/${name}`) as [string, string, string];
  await Deno.writeTextFile(list, JSON.stringify(texts));
  const args = ["run", ...flags, dataUrl(WARM_UP), list];
  const { status, reason } = await runDeno(args, {
    env: { DENO_DIR: cache },
    ...(command === undefined ? {} : { command }),
  });
  if (status !== 0) throw new Error(`Cannot make the code cache: ${reason}`);
  const count = distil(`${cache}/v8_code_cache_v2`, out);
  if (count !== texts.length) {
    throw new Error(
      `Cannot make the code cache: ${count} texts of ${texts.length} are in it`,
    );
  }
  return await Deno.readFile(out);
}
