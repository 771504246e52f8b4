/**
 * Takes out of a text what must not leave the machine: words that are known to be secret or to name a person, and what
 * looks like a secret wherever it came from. The last line of defence: what is bundled is chosen not to hold any.
 */

const HIDDEN = '[removed]';
/** A shorter word would be found everywhere and name nothing. */
const MIN_WORD = 3;

const LOOKS_SECRET: readonly RegExp[] = [
  /-----BEGIN [^-]*PRIVATE KEY-----[\s\S]*?(-----END [^-]*PRIVATE KEY-----|$)/g,
  /scrypt\$[\w$]+/g,
  // User and password in an address.
  /(?<=:\/\/)[^\s/@"']+@/g,
  /(?<=\b(?:password|passphrase|token|secret|seed|code)["']?\s*[:=]\s*["']?)[^\s"',;}]+/gi,
  // Of people: mail addresses, and the folder that bears a user's name.
  /[\w.+-]+@[\w-]+\.[\w.-]+/g,
  new RegExp(`(?<=/(?:${['home', 'Users'].join('|')})/)[^/\\s"']+`, 'g'),
];

export function scrub(text: string, words: readonly string[]): string {
  // The longest first: a word may be part of another.
  const known = words.filter(word => word.length >= MIN_WORD).toSorted((a, b) => b.length - a.length);
  const without = known.reduce((left, word) => left.replaceAll(word, HIDDEN), text);
  return LOOKS_SECRET.reduce((left, form) => left.replaceAll(form, HIDDEN), without);
}
