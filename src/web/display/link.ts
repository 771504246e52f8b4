/**
 * The page's end of the wire, as a value: what came, when, and whether the line is alive. The browser's own
 * clock is used only to measure how long ago something came, because it may differ from the gateway's.
 */
import type { PremiseView } from '../../model/mod.ts';

/** The server sends a line at least every 5 s; three missed in a row is a dead line. */
export const SILENCE_MS = 15_000;

export interface Link {
  readonly state: 'connecting' | 'live' | 'lost';
  readonly view?: PremiseView;
  /** When the view came, in ms of the page's monotonic clock. */
  readonly viewAtMs: number;
  /** When anything came. */
  readonly heardAtMs: number;
}

export const NEW_LINK: Link = { state: 'connecting', viewAtMs: 0, heardAtMs: 0 };

export type LinkNews =
  | { readonly kind: 'view'; readonly data: string }
  | { readonly kind: 'beat' }
  | { readonly kind: 'error' }
  | { readonly kind: 'tick' };

/** The link after some news. A view that is no JSON counts as an error: nothing of it is shown. */
export function heard(link: Link, news: LinkNews, nowMs: number): Link {
  switch (news.kind) {
    case 'view': {
      const view = parseView(news.data);
      if (view === undefined) return { ...link, state: 'lost' };
      return { state: 'live', view, viewAtMs: nowMs, heardAtMs: nowMs };
    }
    case 'beat':
      return { ...link, state: 'live', heardAtMs: nowMs };
    case 'error':
      return { ...link, state: 'lost' };
    case 'tick':
      return link.state === 'live' && nowMs - link.heardAtMs > SILENCE_MS ? { ...link, state: 'lost' } : link;
  }
}

function parseView(data: string): PremiseView | undefined {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
