/** Phrases that must be read twice, and the plain words for them. */

/** A phrase, in lower case, and the words to use instead. */
export type Riddle = readonly [phrase: RegExp, instead: string];

/** Phrases that no message, comment or page may contain. */
export const RIDDLES: readonly Riddle[] = [
  [/\bth(?:at|ose) of\b/, "the noun again"],
  [/\b(?:is|are|was|were) so(?: already)?(?=[.,;:]|$)/, "the state itself"],
  [/\bso already\b/, "the state itself"],
  [/\bno option says\b/, "give at least one option"],
  [/\ball the same\b/, "anyway, or nothing"],
  [/\bwhose\b/, "a second sentence"],
  [/\b(?:of|by|to|in|with|for|from|on|at) wh(?:at|om)\b/, "the noun"],
  [/\b(?:nobody|whoever|somebody)\b/, "the subject"],
  [/\banew\b/, "again"],
  [/\bin vain\b|\bbesides\b|\btherein\b|\bthereof\b/, "plain words"],
  [/\blets? go of\b/, "releases"],
  [/\b(?:put|puts|putting) (?:it |that |them )?in order\b/, "fix, or repair"],
  [/\blook who\b/, "find out who"],
];

/** Further phrases that no message may contain. */
export const MESSAGE_RIDDLES: readonly Riddle[] = [
  [/\bit so\b/, "the state itself"],
  [/\b(?:of|by|to|in|with|for|from|on|at) which\b/, "a second sentence"],
  [/(?<!\bthere )\b(?:is|are|was|were) (?:no [a-z]|none\b)/, "is not a …"],
  [/\bthere is [{]/, "a list: known X: …"],
  [/\bwhat\b(?! to\b)/, "the noun"],
  [/\bnothing (?:proves|tells)\b/, "the subject"],
  [/\b(?:do|does|did|go|goes) (?:not )?without\b/, "does not need"],
  [/\btakes? (?:no )?hotplug\b/, "supports hotplug"],
  [/(?:^|[.;:] )(?:of|to it|from it) /, "the subject first"],
  [/\bsay --/, "use --"],
];

/** The riddles in a text, each with better words. */
export function riddlesIn(text: string, riddles: readonly Riddle[]): string[] {
  return riddles.filter(([phrase]) => phrase.test(text.toLowerCase()))
    .map(([phrase, instead]) => `${phrase}: ${instead}`);
}
