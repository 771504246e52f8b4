/** The version of this package, as its package.json says. */
import { readFileSync } from 'node:fs';

export function packageVersion(): string {
  const file = new URL(import.meta.resolve('underglass/package.json'));
  const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'));
  return version;
}
