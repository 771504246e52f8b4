/**
 * Plots as SVG text: lines, stairs and dots over a band of what is allowed. Colours come from the page's style.
 */
import type { Plot, Series } from '../bench/mod.ts';
import { escape } from './text.ts';

/** Two such plots stand side by side on a page, and their numbers are still read. */
const [WIDTH, HEIGHT] = [460, 230];
const PAD = { left: 56, right: 16, top: 16, bottom: 40 };
/** About as many numbers as an axis of this size bears. */
const TICKS = 6;

export function plotSvg(plot: Plot): string {
  const points = plot.series.flatMap(({ points: own }) => own);
  const band = plot.band ?? [];
  const x = scaleOf([...points.map(([at]) => at), ...band.map(({ x: at }) => at)], {
    from: PAD.left,
    to: WIDTH - PAD.right,
  });
  const y = scaleOf([...points.map(([, value]) => value), ...band.flatMap(({ low, high }) => [low, high])], {
    from: HEIGHT - PAD.bottom,
    to: PAD.top,
  });
  const parts = [
    grid(x, y),
    band.length > 1 ? bandPath(band, x, y) : '',
    ...(plot.marks ?? []).map(mark => markLine(mark, x)),
    ...plot.series.map((series, at) => seriesPath(series, at, { x, y })),
    axisNames(plot),
  ];
  const label = escape(plot.title);
  return `<figure><figcaption>${label}<span class="keys">${legend(plot.series)}</span></figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${parts.join('')}</svg></figure>`;
}

interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

function scaleOf(values: readonly number[], pixels: { readonly from: number; readonly to: number }): Scale {
  const finite = values.filter(value => Number.isFinite(value));
  const [least, most] = finite.length === 0 ? [0, 1] : [Math.min(...finite), Math.max(...finite)];
  const step = niceStep((most - least || Math.abs(most) || 1) / (TICKS - 1));
  const low = Math.floor(least / step) * step;
  const high = Math.max(Math.ceil(most / step) * step, low + step);
  const ticks: number[] = [];
  for (let tick = low; tick <= high + step / 2; tick += step) ticks.push(Number(tick.toPrecision(10)));
  const share = (value: number): number => (value - low) / (high - low);
  return { at: value => round(pixels.from + share(value) * (pixels.to - pixels.from)), ticks };
}

/** 1, 2 or 5 times a power of ten, at least `rough`. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find(factor => factor * power >= rough) ?? 10);
}

function grid(x: Scale, y: Scale): string {
  const rows = y.ticks.map(
    tick =>
      `<line class="grid" x1="${PAD.left}" x2="${WIDTH - PAD.right}" y1="${y.at(tick)}" y2="${y.at(tick)}"/><text class="tick" x="${PAD.left - 6}" y="${y.at(tick) + 3.5}" text-anchor="end">${tick}</text>`,
  );
  const columns = x.ticks.map(
    tick =>
      `<text class="tick" x="${x.at(tick)}" y="${HEIGHT - PAD.bottom + 15}" text-anchor="middle">${tick}</text>`,
  );
  return [...rows, ...columns].join('');
}

function bandPath(band: NonNullable<Plot['band']>, x: Scale, y: Scale): string {
  const upper = band.map(point => `${x.at(point.x)},${y.at(point.high)}`);
  const lower = band.toReversed().map(point => `${x.at(point.x)},${y.at(point.low)}`);
  return `<polygon class="band" points="${[...upper, ...lower].join(' ')}"/>`;
}

function markLine({ x: at, name }: { readonly x: number; readonly name: string }, x: Scale): string {
  const place = x.at(at);
  return `<line class="mark" x1="${place}" x2="${place}" y1="${PAD.top}" y2="${HEIGHT - PAD.bottom}"/><text class="tick" x="${place + 4}" y="${PAD.top + 9}">${escape(name)}</text>`;
}

function seriesPath(
  { kind, points }: Series,
  at: number,
  { x, y }: { readonly x: Scale; readonly y: Scale },
): string {
  const places = points.map(([px, py]) => [x.at(px), y.at(py)] as const);
  if (kind === 'dots')
    return places.map(([px, py]) => `<circle class="s${at}" cx="${px}" cy="${py}" r="4"/>`).join('');
  const path = places.map(([px, py], i) => {
    const before = places[i - 1];
    if (before === undefined) return `M${px} ${py}`;
    return kind === 'stair' ? `H${px}V${py}` : `L${px} ${py}`;
  });
  return `<path class="s${at}" d="${path.join('')}"/>`;
}

function axisNames({ x, y }: Plot): string {
  const middle = (HEIGHT - PAD.bottom + PAD.top) / 2;
  return `<text class="axis" x="${(WIDTH + PAD.left) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escape(x)}</text><text class="axis" transform="translate(12 ${middle}) rotate(-90)" text-anchor="middle">${escape(y)}</text>`;
}

function legend(series: readonly Series[]): string {
  return series.map(({ name }, at) => `<span class="key k${at}">${escape(name)}</span>`).join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
