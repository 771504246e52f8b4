/**
 * Text of others on a terminal: a device may call itself anything, and a terminal obeys what it is sent. What is no
 * letter, sign or space is shown as a dot, and so are signs that turn the direction of writing.
 */

/** One line: no end of line either. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, DOT);
}

/** Ends of lines stay. */
export function legible(text: string): string {
  return text.replaceAll(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, DOT);
}

/** JSON whose text holds nothing a terminal obeys; it says the same to a program. */
export function legibleJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(sign: string): string {
  const units = Array.from({ length: sign.length }, (_, at) => sign.charCodeAt(at));
  return units.map(unit => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

const DOT = '\u00b7';
