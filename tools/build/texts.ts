/**
 * The texts of a packed program: at the end of the executable, read from there
 * when they are needed.
 *
 * @module
 */

/** The name of each text: V8's code is found by it, stack traces show it. */
export const TEXT_NAME = "file:///kvm-hotplug/";

/**
 * JavaScript that defines `compileText`, a function of a text and its index.
 * Deno's own function, which Deno's `require()` evaluates files with, is not
 * public; without it V8 compiles.
 */
export const COMPILE_TEXT = "const compileText=(text,index)=>{try{" +
  "const[value,error]=Deno[Deno.internal].core.evalContext(text," +
  "`" + TEXT_NAME + "${index}`,[]);if(!error)return value}catch{}" +
  "return(0,eval)(text)};";

/** The beginning of each text, which no other file has. */
const BEGINNING = "({";

/**
 * JavaScript that defines `evaluateText`, a function of the index of a text
 * that gives what it comes to. The executable stays open: a text that undoes
 * something must be there when no descriptor is left.
 *
 * @param sizes in bytes, in the order of the texts, which end the executable.
 */
export function textReader(sizes: readonly number[]): string {
  return COMPILE_TEXT +
    `const textSizes=${JSON.stringify(sizes)};let textFile;` +
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
