/**
 * Text inside HTML, SVG and XML: escaped, and without the characters that XML cannot hold.
 */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What XML 1.0, 2.2 leaves out or discourages, and what turns the direction of writing. */
const NO_TEXT =
  // oxlint-disable-next-line no-control-regex -- that is the point of it
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g;

/** What a device says of itself may hold anything; in a report it is text and nothing else. */
export function escape(text: string): string {
  const clean = text.replace(NO_TEXT, '\ufffd');
  return clean.replace(/[&<>"']/g, character => ENTITIES[character] ?? '');
}

/** `1 min 12 s`, `4.2 s`. */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A command line that repeats one check; the link is quoted, for it holds a question mark. */
export function repeatCommand(
  report: { readonly subject: { readonly link: string }; readonly suite: string },
  id: string,
): string {
  return `underglass hil run '${report.subject.link}' --suite ${report.suite} --only ${id}`;
}
