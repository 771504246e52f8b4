import { expect } from 'chai';
import { stringify } from 'yaml';
import { parseConfig } from '../../../src/io/config.ts';
import type { ProfileFile } from '../../../src/local/profiles/mod.ts';
import { joinProfile, matchProfile, profileFile } from '../../../src/local/profiles/mod.ts';

const LIMIT = {
  steps: [{ write: '123.WMaxLimPct', value: 'order' }],
  verify: { by: 'read-back', point: '123.WMaxLimPct', withinMs: 1000 },
  release: { steps: [{ write: '123.WMaxLim_Ena', value: 0 }] },
  storage: 'volatile',
};

const GOOD = {
  profile: 'acme',
  title: 'Acme inverters',
  tested: 'none',
  match: { manufacturer: ['Acme'] },
  link: { gapMs: 100 },
  controls: { limit: LIMIT },
  deviations: [
    { at: 'link.gapMs', why: 'It is slow.', evidence: ['acme/forum#1'] },
    { at: 'controls.limit', why: 'It is particular.', evidence: ['acme/forum#2'], firmware: '1.2' },
  ],
};

/** What is said of a file that holds `content`: its lines, or nothing when it is good. */
function complaints(content: object): readonly string[] {
  const parsed = parseConfig('acme.yaml', stringify(content), profileFile);
  return parsed.ok ? [] : (parsed.detail ?? '').split('\n');
}

function file(content: object): ProfileFile {
  return profileFile.parse(content);
}

describe('a device profile', () => {
  it('is good with a match, a deviation for every line, and whole controls', () => {
    expect(complaints(GOOD)).to.deep.equal([]);
  });

  for (const key of ['verify', 'release', 'storage'] as const)
    it(`is refused where a control does not say its ${key}, with the line and what is expected`, () => {
      const { [key]: _, ...limit } = LIMIT;
      const [first, ...more] = complaints({ ...GOOD, controls: { limit } });
      expect(first).to.match(
        new RegExp(`^acme\\.yaml:10: controls\\.limit\\.${key} is missing; expected: (how|volatile)`),
      );
      expect(more).to.deep.equal([]);
    });

  it('is refused where a line has no deviation that says why', () => {
    expect(complaints({ ...GOOD, link: { gapMs: 100, maxRead: 60 } })).to.deep.equal([
      'acme.yaml:9: link.maxRead: 60 has no entry in deviations with at: link.maxRead; expected: registers of one read, 2 to 125',
    ]);
  });

  it('is refused where a deviation is about nothing, or has no evidence', () => {
    const [first] = complaints({
      ...GOOD,
      deviations: [...GOOD.deviations, { at: 'link.maxRead', why: 'So it is.', evidence: ['acme/forum#3'] }],
    });
    expect(first).to.match(/deviations\[2\]\.at: link\.maxRead is no line of this file/);
    const [none] = complaints({
      ...GOOD,
      deviations: [{ ...GOOD.deviations[0], evidence: [] }, GOOD.deviations[1]],
    });
    expect(none).to.contain('deviations[0].evidence').and.to.contain('owner/repository#thread');
    const [hearsay] = complaints({
      ...GOOD,
      deviations: [{ ...GOOD.deviations[0], evidence: ['a friend'] }, GOOD.deviations[1]],
    });
    expect(hearsay).to.contain('deviations[0].evidence[0]');
  });

  it('is refused where a control writes a point that is nowhere', () => {
    const limit = { ...LIMIT, steps: [{ write: 'magic', value: 'order' }] };
    expect(complaints({ ...GOOD, controls: { limit } })[0]).to.match(
      /controls\.limit\.steps\[0\]\.write: magic is no SunSpec point, and points has no magic/,
    );
  });

  it('is refused with an expression, an unknown key, or a test nobody can have made', () => {
    const limit = { ...LIMIT, steps: [{ write: '123.WMaxLimPct', value: 'order * 2' }] };
    expect(complaints({ ...GOOD, controls: { limit } })).to.have.length(1);
    expect(complaints({ ...GOOD, linck: {} })[0]).to.contain('did you mean link?');
    expect(complaints({ ...GOOD, tested: 'yes' })[0]).to.contain('none, simulated, bench or field');
  });
});

describe('a profile with registers of the maker', () => {
  const because = (at: string) => ({ at, why: 'It is.', evidence: ['acme/forum#1'] });
  const register = (more: object = {}) => ({
    from: [{ table: 'holding', addressBase: 0, register: 10, type: 'uint16', ...more }],
    units: 'W',
  });
  const CARRIED = {
    carries: 'opModStorageTargetW',
    steps: [{ write: 'power', value: 'order' }],
    verify: { by: 'read-back', point: 'power', withinMs: 1000 },
    release: { steps: [{ write: 'power', value: 0 }] },
    storage: 'volatile',
  };
  const own = (control: object, points: object = { power: register() }, more: object = {}) => ({
    ...GOOD,
    points,
    controls: { store: { ...CARRIED, ...control } },
    ...more,
    deviations: [
      because('link.gapMs'),
      ...Object.keys(points).map(name => because(`points.${name}`)),
      because('controls.store'),
      ...('sunspec' in more ? [because('sunspec.none')] : []),
    ],
  });

  it('is good where every step says what goes where', () => {
    expect(complaints(own({}))).to.deep.equal([]);
  });

  const flash = { storage: { flash: { writesPerDay: 24 } }, keepAlive: { everyS: 900, deadManS: 3600 } };
  const { carries: _, ...uncarried } = { ...CARRIED, ...flash };
  const wrong: Readonly<Record<string, readonly [object, RegExp]>> = {
    'a percentage of something, for no axis': [
      own({ carries: undefined, percentOf: 'power' }),
      /percentOf.* needs carries/,
    ],
    'a step that is written whatever the sign, with the sign taken off': [
      own({ steps: [{ write: 'power', value: 'magnitude' }] }),
      /needs when: positive or negative/,
    ],
    'an order into an input register': [
      own({}, { power: register({ table: 'input' }) }),
      /is an input register, which takes nothing/,
    ],
    'an order into a register of no unit': [
      own({}, { power: { ...register(), units: undefined } }),
      /needs units: W or "%"/,
    ],
    'a toggled enable, which is steps here': [
      own({ toggleEnable: '123.WMaxLim_Ena' }),
      /here 0 and 1 are steps/,
    ],
    'a set with a point that is in no step': [
      own({ completeSet: ['power', 'other'] }, { power: register(), other: register() }),
      /is in no step: other/,
    ],
    'a fallback that nothing begins': [
      own({
        steps: [
          { write: 'power', value: 'order' },
          { write: 'power', value: 'revert-to' },
        ],
      }),
      /needs a step with revert-after/,
    ],
    'a release that takes its time': [
      own({ release: { steps: [{ write: 'power', value: 'revert-after' }] } }),
      /a release has no time/,
    ],
    'a reversion of a control that carries no axis': [
      {
        ...own({}),
        controls: {
          store: {
            ...LIMIT,
            steps: [...LIMIT.steps, { write: '123.WMaxLimPct_RvrtTms', value: 'revert-after' }],
          },
        },
      },
      /needs carries; without it the timers/,
    ],
    'two points of one meaning': [
      own({}, { power: { ...register(), means: 'W' }, other: { ...register(), means: 'W' } }),
      /stands twice: W/,
    ],
    'no map, and nothing to know it by': [
      own({}, { power: register({ writeOnly: true }) }, { sunspec: { none: true } }),
      /leaves nothing to know it by/,
    ],
    'a sign of the product that is no point': [
      own(
        {},
        { power: register() },
        { match: { manufacturer: ['Acme'], holds: [{ point: 'kind', oneOf: [1] }] } },
      ),
      /is no point of this file: kind/,
    ],
    'more reminders than its memory stands': [own(flash), /is 96 writes a day, more than the 24/],
    'reminders of a model that is spared': [
      { ...own({}), controls: { store: uncarried } },
      /needs carries where storage is flash/,
    ],
  };
  for (const [what, [content, complaint]] of Object.entries(wrong))
    it(`is refused for ${what}`, () => {
      const said = complaints(JSON.parse(JSON.stringify(content)) as object);
      expect(said.join('\n')).to.match(complaint);
    });
});

describe('a profile that extends another', () => {
  const base = file(GOOD);
  const own = file({
    profile: 'acme-mini',
    extends: 'acme',
    title: 'Acme Mini',
    tested: 'bench',
    match: { manufacturer: ['Acme'], modelBegins: ['Mini'] },
    link: { gapMs: 900 },
    deviations: [{ at: 'link.gapMs', why: 'It is slower.', evidence: ['acme/forum#4'] }],
  });
  const all = new Map([
    ['acme', base],
    ['acme-mini', own],
  ]);

  it('has the lines and deviations of both, its own going before', () => {
    const joined = joinProfile(own, all);
    expect(joined.ok && joined.value.link).to.deep.equal({ gapMs: 900 });
    expect(joined.ok && joined.value.controls?.['limit']?.storage).to.equal('volatile');
    expect(joined.ok && joined.value.tested).to.equal('bench');
    expect(joined.ok && joined.value.deviations.map(({ at }) => at)).to.deep.equal([
      'link.gapMs',
      'controls.limit',
      'link.gapMs',
    ]);
  });

  it('is refused when the other is not there, or extends a third', () => {
    expect(joinProfile(own, new Map())).to.include({ ok: false, refusal: 'no-base' });
    const third = file({ ...GOOD, profile: 'third', extends: 'acme-mini' });
    expect(joinProfile(third, all)).to.include({ ok: false, refusal: 'too-deep' });
  });
});

describe('the profile of a device', () => {
  const joined = [
    { ...GOOD, profile: 'any' },
    { ...GOOD, profile: 'mini', match: { manufacturer: ['Acme'], modelBegins: ['Mini'] } },
    {
      ...GOOD,
      profile: 'mini-2',
      match: { manufacturer: ['Acme'], modelBegins: ['Mini'], firmware: { from: '2.0', below: '3' } },
    },
  ].flatMap(content => {
    const profile = joinProfile(file(content), new Map());
    return profile.ok ? [profile.value] : [];
  });
  const found = (device: object) => matchProfile(joined, device)?.profile;

  it('is the one that asks for most of those that fit', () => {
    expect(found({ manufacturer: 'ACME', model: 'Maxi' })).to.equal('any');
    expect(found({ manufacturer: 'Acme', model: 'mini 4', version: '1.99' })).to.equal('mini');
    expect(found({ manufacturer: 'Acme', model: 'mini 4', version: 'V2.0' })).to.equal('mini-2');
    expect(found({ manufacturer: 'Acme', model: 'mini 4', version: '2.10.1' })).to.equal('mini-2');
    expect(found({ manufacturer: 'Acme', model: 'mini 4', version: '3.0' })).to.equal('mini');
  });

  it('is found though a device fills its names up with blanks', () => {
    expect(found({ manufacturer: 'Acme ', model: ' Mini 4 ' })).to.equal('mini');
  });

  it('is none for another maker, and a firmware that is not known fits no range', () => {
    expect(found({ manufacturer: 'Acme Corp', model: 'Mini' })).to.equal(undefined);
    expect(found({})).to.equal(undefined);
    expect(found({ manufacturer: 'Acme', model: 'Mini' })).to.equal('mini');
  });

  it('is none that is for a product without a map: who has told its name has one', () => {
    const mapless = joined.map(profile => ({ ...profile, sunspec: { none: true } as const }));
    expect(matchProfile(mapless, { manufacturer: 'Acme', model: 'Mini' })).to.equal(undefined);
  });
});
