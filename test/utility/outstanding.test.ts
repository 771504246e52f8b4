/** When a command goes out again: the longest pause before each repetition, by what it is and for how many. */
import { expect } from 'chai';
import { after, instant, milliseconds, unixSeconds } from '../../src/base/time.ts';
import type { Now } from '../../src/base/time.ts';
import type { Cti, GatewayId } from '../../src/model/mod.ts';
import { MOST_PRESSED, handed, outstanding } from '../../src/utility/outstanding.ts';
import type { SentCommand } from '../../src/utility/mod.ts';

const START: Now = { instant: instant(0), unix: unixSeconds(1_800_000_000) };

/** The longest pauses before the first nine repetitions, in ms. */
function longest(kind: SentCommand['kind'], members: number): readonly number[] {
  const entry = outstanding(command(kind, members), [], START.instant);
  let now = START;
  return Array.from({ length: 9 }, () => {
    handed(entry, now, () => 1 - Number.EPSILON);
    const pauseMs = entry.repeatAt - now.instant;
    now = { ...now, instant: after(now.instant, milliseconds(pauseMs)) };
    return pauseMs;
  });
}

function command(kind: SentCommand['kind'], members: number): SentCommand {
  return {
    cti: '00'.repeat(16) as Cti,
    audience: 'g/feeder-7',
    topic: 'ug/1/grid/g/feeder-7/cmd',
    bytes: new Uint8Array(),
    stream: 'g',
    sequence: 1,
    sentAt: START.unix,
    expires: after(START.unix, milliseconds(3_600_000)),
    kind,
    about: '',
    awaits: Array.from({ length: members }, (_, n) => `gw-${n}` as GatewayId),
  };
}

const PRESSING = [2000, 2000, 2000, 2000, 2000, 2000, 4000, 8000, 16_000];
const PATIENT = [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000];

describe('utility/outstanding', () => {
  const rows: readonly [string, SentCommand['kind'], number, readonly number[]][] = [
    ['an event for one', 'event', 1, PRESSING],
    ['its end', 'cancel', 1, PRESSING],
    ['an event for as many as may be pressed', 'event', MOST_PRESSED, PRESSING],
    ['an event for one more', 'event', MOST_PRESSED + 1, PATIENT],
    ['a grant', 'grant', 1, PATIENT],
    ['a manifest', 'manifest', 1, PATIENT],
  ];
  for (const [name, kind, members, expected] of rows)
    it(`GRP-3: ${name} goes out again after ${expected.map(ms => ms / 1000).join(', ')} s at the latest`, () => {
      expect(longest(kind, members)).to.deep.equal(expected);
    });

  it('NMS-1 an event for one goes out five times in 10 s at the least, though every answer is lost', () => {
    const entry = outstanding(command('event', 1), [], START.instant);
    let [now, times] = [START, 0];
    for (; now.instant < 10_000; times++) {
      handed(entry, now, () => 1 - Number.EPSILON);
      now = { ...now, instant: entry.repeatAt };
    }
    expect(times).to.equal(5);
  });
});
