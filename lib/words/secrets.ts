/**
 * Hides secrets in all output for readers: messages, documents, the trace. It
 * is never used on data for QEMU or a file.
 *
 * @module
 */

/** The text that replaces a secret. */
const HIDDEN = "***";

/** Names of members, options and parameters with secret values. */
const NAME =
  "(?:key|keys|secret|password|passwd|passphrase|pwd|token|cookie|access_key|secret_key)";

/**
 * A value up to its end. A text may be JSON, once or twice over, so a quote and
 * the backslashes before it are never taken: the text stays valid JSON. `:`,
 * `,` and `;` end a value only before another option or at the end; base64 and
 * passwords may contain them. Loops are unrolled: `(?:a|b)*` has no stack for a
 * value of megabytes.
 */
const PLAIN = String.raw`[^\s"'&#\\:,;]*`;
const INNER = String.raw`(?!\\[nrt])\\+[^"\\]|[:,;](?![\w.-]+=|[\s"'\\]|$)`;
const VALUE = `${PLAIN}(?:(?:${INNER})${PLAIN})*`;

/** The rest of a JSON string. */
const STRING = String.raw`[^"\\]*(?:\\.[^"\\]*)*`;

type Rule = readonly [pattern: RegExp, replacement: string];

/** No rule reads a long text repeatedly, whatever its content. */
const rules = (): readonly Rule[] => [
  // HMP in a QMP message: its arguments have a syntax per command.
  [
    new RegExp(
      String
        .raw`("command-line"\s*:\s*"\s*(?:set_password|change|object_add|drive_add)\b)${STRING}`,
      "g",
    ),
    `$1 ${HIDDEN}`,
  ],
  // A JSON member. "data" is a member of a secret object.
  [
    new RegExp(String.raw`("(?:${NAME}|data)"\s*:\s*")${STRING}`, "gi"),
    `$1${HIDDEN}`,
  ],
  // The same in JSON within a JSON string, such as json:{…} of QEMU. A quote
  // ends it unless the inner JSON, too, has a backslash that escapes it.
  [
    new RegExp(
      String
        .raw`((?<!\\)(\\+)"(?:${NAME}|data)\2"\s*:\s*\2")[^"\\]*(?:(?!(?:\\\2\\\2)*\2")(?:\\(?:\\\\)*"|\\+[^"\\])[^"\\]*)*(?:(?:\\\2\\\2)+(?=\2"))?`,
      "gi",
    ),
    `$1${HIDDEN}`,
  ],
  // user:password@ of a URI; iSCSI also has user%password@.
  [
    new RegExp(
      String
        .raw`(:\/\/[^\s\/:@"'?#\\]*:)[^\s\/"'\\]*(?:\\+[^"\\\/\s][^\s\/"'\\]*)*@`,
      "g",
    ),
    `$1${HIDDEN}@`,
  ],
  [/(\b(?:iscsi|iser):\/\/[^\s/:@"'?#%\\]*%)[^\s/"'\\]*@/gi, `$1${HIDDEN}@`],
  // An option or a parameter. "-" before it: password-secret= is a name.
  // KEY=VALUE is the help's word for an argument.
  [
    new RegExp(
      String
        .raw`(?<![a-z0-9-])(?!(?-i:KEY=VALUE)\b)(${NAME}=)${VALUE}`,
      "gi",
    ),
    `$1${HIDDEN}`,
  ],
  // -object secret,id=x,data=…
  [
    new RegExp(
      String.raw`(\bsecret(?:,[\w.-]+=[^\s"'\\,]*){0,20},data=)${VALUE}`,
      "g",
    ),
    `$1${HIDDEN}`,
  ],
];

/**
 * Every rule finds one of these, or nothing: most texts have none, and no rule
 * is compiled for them (2 ms).
 */
const SUSPICIOUS = /key|secret|pass|pwd|token|cookie|"data|:\/\/|command-line/i;

let made: readonly Rule[] | undefined;

/** A text, or JSON as text, with its secrets hidden; JSON stays valid. */
export function maskSecrets(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  return (made ??= rules()).reduce(
    (masked, [pattern, replacement]) => masked.replace(pattern, replacement),
    text,
  );
}
