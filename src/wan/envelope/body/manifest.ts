/** Kind manifest: which file there is to fetch, how it proves itself, and for what it is meant. */
import { fromHex, toHex } from '../../../base/bytes.ts';
import { ok } from '../../../base/assert.ts';
import { DELIVERIES, MAX_FILE_BYTES } from '../../../model/mod.ts';
import type { Delivery, FileId, ManifestBody } from '../../../model/mod.ts';
import { isBetween } from '../form.ts';
import { KEY, always, sometimes } from './kind.ts';
import type { Kind } from './kind.ts';

/** Letters of a model or version: a SunSpec common block gives 32. */
const MAX_WORD = 64;
/** Versions one file can be applied to; more than that is any version. */
const MAX_VERSIONS = 16;

const isHash = (value: unknown): boolean => value instanceof Uint8Array && value.length === 32;
/** Printable, no control characters: it is shown in logs and compared with what a device says of itself. */
const isWord = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= MAX_WORD && /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(value);
const isVersions = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.length <= MAX_VERSIONS && value.every(isWord);

export const manifest: Kind<ManifestBody> = {
  number: 10,
  rows: [
    always(KEY.sha256, 'sha256', isHash),
    always(KEY.size, 'size', value => isBetween(value, 1, MAX_FILE_BYTES)),
    always(KEY.listSha256, 'sha256 of the chunk list', isHash),
    always(KEY.delivers, 'delivers', value => isBetween(value, 0, DELIVERIES.length - 1)),
    always(KEY.model, 'model', isWord),
    sometimes(KEY.versions, 'versions', isVersions),
    always(KEY.version, 'version', isWord),
  ],
  read: body => {
    const versions = body.get(KEY.versions) as readonly string[] | undefined;
    return ok({
      kind: 'manifest',
      file: toHex(body.get(KEY.sha256) as Uint8Array) as FileId,
      size: body.get(KEY.size) as number,
      list: toHex(body.get(KEY.listSha256) as Uint8Array) as FileId,
      delivers: DELIVERIES[body.get(KEY.delivers) as number] as Delivery,
      model: body.get(KEY.model) as string,
      ...(versions === undefined ? {} : { versions }),
      version: body.get(KEY.version) as string,
    });
  },
  write: ({ file, size, list, delivers, model, versions, version }) => [
    [KEY.sha256, fromHex(file) ?? new Uint8Array()],
    [KEY.size, size],
    [KEY.listSha256, fromHex(list) ?? new Uint8Array()],
    [KEY.delivers, DELIVERIES.indexOf(delivers)],
    [KEY.model, model],
    ...(versions === undefined ? [] : [[KEY.versions, versions] as const]),
    [KEY.version, version],
  ],
};
