/**
 * Chains of models as registers, for tests. The common model is laid down by hand, word by word, so that
 * discovery is not judged by our own encoder.
 */
export const SUNS = [0x5375, 0x6e53];
export const END = [0xffff, 0];

/** Text as registers, two bytes each, padded with NUL. */
export function text(value: string, words: number): readonly number[] {
  const at = (index: number) => value.charCodeAt(index) || 0;
  return Array.from({ length: words }, (_, word) => at(2 * word) * 256 + at(2 * word + 1));
}

/** Model 1, 66 words long: manufacturer 16, model 16, options 8, version 8, serial 16, address, pad. */
export function common(manufacturer: string, serial: string, length: 65 | 66 = 66): readonly number[] {
  const body = [
    ...text(manufacturer, 16),
    ...text('Model-5', 16),
    ...text('', 8),
    ...text('1.2.3 ', 8),
    ...text(serial, 16),
    1,
    0x8000,
  ];
  return [1, length, ...body.slice(0, length)];
}

/** A model of `length` words that holds `word` everywhere. */
export function filled(id: number, length: number, word = 0): readonly number[] {
  return [id, length, ...Array<number>(length).fill(word)];
}
