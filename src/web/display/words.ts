/**
 * What the display says: a view of the premise turned into words and numbers a household reads. Pure, so that
 * every sentence can be tested without a browser. It decides nothing: what is allowed, and why, comes from
 * the gateway; what is unknown is called unknown and never 0.
 */
import { formatW } from '../../base/units.ts';
import { formatValue } from '../../control/mod.ts';
import { axisRow } from '../../model/mod.ts';
import type { CommandClass, DeviceRole, EventView, PremiseView, Reading, Setpoint } from '../../model/mod.ts';

/** A reading older than this is shown as old: three polls of the slowest device missed. */
export const STALE_AFTER_MS = 30_000;

export type Tone = 'calm' | 'limited' | 'urgent';

export interface Flow {
  readonly name: 'Solar' | 'Battery' | 'Grid' | 'Home';
  /** `3.2 kW`, or `unknown`. */
  readonly amount: string;
  /** `producing`, `charging`, `62 % full`. */
  readonly says: string;
  /** How old the reading is, when it is too old to be believed. */
  readonly stale?: string;
}

export interface Headline {
  readonly tone: Tone;
  readonly text: string;
}

/** One sentence for the top of the page. */
export function headline(view: PremiseView): Headline {
  const active = view.events.filter(event => event.status === 'active' && !event.overridden);
  if (orderOf(view, 'opModConnect') === 0)
    return { tone: 'urgent', text: 'Your system is disconnected from the grid by the utility' };
  const [first, ...others] = active;
  if (first !== undefined) {
    const tone = active.some(event => event.class === 'emergency') ? 'urgent' : 'limited';
    const text = `${CLASS_WORDS[first.class]}: ${first.asks.replaceAll(': ', ' ')}`;
    return { tone, text: others.length === 0 ? text : `${active.length} utility events are running` };
  }
  const waiting = view.events.filter(event => event.status === 'scheduled').length;
  if (waiting > 0)
    return {
      tone: 'calm',
      text: waiting === 1 ? 'An event is coming up' : `${waiting} events are coming up`,
    };
  return {
    tone: 'calm',
    text: view.setpoints.length > 0 ? 'Running within standing limits' : 'Running freely',
  };
}

function orderOf(view: PremiseView, axis: Setpoint['axis']): number | undefined {
  const order = view.setpoints.find(setpoint => setpoint.axis === axis)?.order;
  return order?.kind === 'value' ? order.value : undefined;
}

/**
 * Where power comes from and goes to. `ageMs` is how long ago the view came; readings are that much older
 * than the view says. Signs: an inverter's W is produced, a storage's W discharges, a meter's W is imported.
 */
export function flows(view: PremiseView, ageMs: number): readonly Flow[] {
  const has = (role: DeviceRole) => view.readings.some(reading => reading.role === role);
  const [solarW, batteryW, gridW] = [sumW(view, 'inverter'), sumW(view, 'storage'), sumW(view, 'meter')];
  const known = [gridW, ...(has('inverter') ? [solarW] : []), ...(has('storage') ? [batteryW] : [])];
  const homeW = known.every(w => w !== undefined) ? known.reduce((sum, w) => sum + w, 0) : undefined;
  const row = (
    name: Flow['name'],
    roles: readonly DeviceRole[],
    w: number | undefined,
    says: string,
  ): Flow => {
    const stale = staleness(view, roles, ageMs);
    const amount = w === undefined ? 'unknown' : formatFlow(w);
    return { name, amount, says, ...(stale === undefined ? {} : { stale }) };
  };
  return [
    ...(has('inverter') ? [row('Solar', ['inverter'], solarW, direction(solarW, 'producing', 'using'))] : []),
    ...(has('storage') ? [row('Battery', ['storage'], batteryW, batterySays(view, batteryW))] : []),
    ...(has('meter') ? [row('Grid', ['meter'], gridW, direction(gridW, 'importing', 'exporting'))] : []),
    ...(has('meter')
      ? [row('Home', ['inverter', 'storage', 'meter'], homeW, direction(homeW, 'using', 'feeding'))]
      : []),
  ];
}

/** Powers below this are measuring noise: the direction is not worth a word. */
const IDLE_W = 10;

function direction(w: number | undefined, positive: string, negative: string): string {
  if (w === undefined) return '';
  if (Math.abs(w) < IDLE_W) return 'idle';
  return w > 0 ? positive : negative;
}

function batterySays(view: PremiseView, w: number | undefined): string {
  const charge = view.readings
    .filter(reading => reading.role === 'storage')
    .map(({ points: { SoC } }) => (SoC === undefined ? 'charge unknown' : `${Math.round(SoC)} % full`));
  return [direction(w, 'discharging', 'charging'), ...charge].filter(word => word !== '').join(', ');
}

/** The sum over the devices of a role; unknown when one of them is unknown. */
function sumW(view: PremiseView, role: DeviceRole): number | undefined {
  let sum: number | undefined;
  for (const { role: own, points } of view.readings) {
    if (own !== role) continue;
    if (points['W'] === undefined) return undefined;
    sum = (sum ?? 0) + points['W'];
  }
  return sum;
}

/** Without a sign, which the word beside it gives; a kilowatt and more with one decimal, so it does not jitter. */
function formatFlow(w: number): string {
  const size = Math.abs(w);
  return size < 1000 ? formatW(size) : `${(size / 1000).toFixed(1)} kW`;
}

function staleness(view: PremiseView, roles: readonly DeviceRole[], ageMs: number): string | undefined {
  const ages = view.readings
    .filter((reading: Reading) => roles.includes(reading.role))
    .map(reading => view.at - reading.at + ageMs);
  const oldest = Math.max(0, ...ages);
  return oldest > STALE_AFTER_MS ? `${formatAge(oldest)} old` : undefined;
}

/** `45 s`, `3 min`, `2 h`, `4 days`: one unit is enough to judge by. */
export function formatAge(ms: number): string {
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 90 * 60_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 36 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

export interface LimitRow {
  readonly axis: string;
  /** `limit of real power: 50 %`. */
  readonly what: string;
  /** Why, most decisive first. */
  readonly reasons: readonly string[];
}

/** What the devices are held to now. An axis on which nothing is asked is left out. */
export function limits(view: PremiseView): readonly LimitRow[] {
  return view.setpoints.flatMap(({ axis, order, reasons }) =>
    order.kind === 'none'
      ? []
      : [
          {
            axis,
            what: `${capital(axisRow(axis).does)}: ${formatValue(axis, order.value)}`,
            reasons: reasons.map(reason => reason.text),
          },
        ],
  );
}

const CLASS_WORDS: Readonly<Record<CommandClass, string>> = {
  emergency: 'Grid emergency',
  transmission: 'Transmission constraint',
  reliability: 'Local voltage support',
  dispatch: 'Peak demand',
  market: 'Price signal',
};

export interface EventCard {
  readonly mRID: EventView['mRID'];
  readonly title: string;
  /** `running until 15:30`. */
  readonly when: string;
  readonly tone: Tone;
  readonly asks: string;
  readonly note?: string;
  readonly why: string;
  readonly issuer: string;
  /** What a person can do now. */
  readonly action: 'acknowledge' | 'enter-code' | 'end-override' | 'none';
  readonly acknowledged: boolean;
}

/** `timeOf` writes a moment in the household's own time zone. */
export function eventCard(event: EventView, timeOf: (unixMs: number) => string): EventCard {
  return {
    mRID: event.mRID,
    title: CLASS_WORDS[event.class],
    when: whenOf(event, timeOf),
    tone:
      event.status !== 'active' || event.overridden
        ? 'calm'
        : event.class === 'emergency'
          ? 'urgent'
          : 'limited',
    asks: capital(event.asks),
    ...(event.note === undefined ? {} : { note: event.note }),
    why: event.why,
    issuer: event.issuer,
    action: actionOf(event),
    acknowledged: event.acknowledged,
  };
}

function whenOf(event: EventView, timeOf: (unixMs: number) => string): string {
  const until = event.end === undefined ? 'until the utility releases it' : `until ${timeOf(event.end)}`;
  if (event.overridden && event.status === 'active') return `you opted out, the event runs ${until}`;
  switch (event.status) {
    case 'scheduled':
      return `from ${timeOf(event.start)} ${until}`;
    case 'active':
      return `running ${until}`;
    case 'superseded':
      return `set aside by another event, ${until}`;
    case 'completed':
      return event.end === undefined ? 'over' : `over since ${timeOf(event.end)}`;
    case 'cancelled':
      return 'cancelled by the utility';
  }
}

/** OVR-1: first acknowledge, then the code. OVR-3: an event that cannot be overridden can still be acknowledged. */
function actionOf(event: EventView): EventCard['action'] {
  if (event.status === 'completed' || event.status === 'cancelled') return 'none';
  if (event.overridden) return 'end-override';
  if (!event.acknowledged) return 'acknowledge';
  return event.mayOverride ? 'enter-code' : 'none';
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
