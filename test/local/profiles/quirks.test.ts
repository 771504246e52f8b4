/**
 * The table of what the field really does, line by line: each line is stated by a shipped profile, on the word of
 * whom the table cites.
 */
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { shippedProfiles } from '../../../src/io/profiles.ts';
import type { Profile } from '../../../src/local/profiles/mod.ts';
import { needsThat } from '../../support/needs.ts';

/** Outside of the repository; a build machine without it proves the profiles, not that no line was missed. */
const TABLE = '../shared/reference/field-quirks.md';

interface Quirk {
  /** How the line of the table begins, and what it cites. */
  readonly device: string;
  readonly says: string;
  readonly cited: readonly string[];
  readonly profile: string;
  /** Lines of the profile that state it. */
  readonly features: readonly string[];
}

const quirk = (device: string, says: string, cited: string, profile: string, features: string): Quirk => ({
  device,
  says,
  cited: cited === '' ? [] : cited.split(', '),
  profile,
  features: features.split(' '),
});

const QUIRKS: readonly Quirk[] = [
  quirk(
    'SolarEdge',
    'one TCP client only',
    'home-assistant-solaredge-modbus#107, solaredge-modbus-multi#159',
    'solaredge',
    'notes link.reconnectMs',
  ),
  quirk(
    'SolarEdge',
    'discovery fails at 60 ms',
    'openhab-addons#9270, solaredge_modbus#47',
    'solaredge',
    'link.gapMs link.ports',
  ),
  quirk(
    'SolarEdge',
    '32-bit values least significant word first',
    'evcc#11663',
    'solaredge',
    'points.storage-command-timeout.from.0.wordOrder points.storage-charge-limit.from.0.wordOrder',
  ),
  quirk(
    'SolarEdge',
    'storage command expires',
    '#132, #232, solaredge-modbus-multi#726',
    'solaredge',
    'controls.storage-charge.keepAlive.deadManS controls.storage-charge.release.expiresAfterS controls.limit.storage',
  ),
  quirk('SolarEdge', 'meters are further model-1 blocks', '', 'solaredge', 'notes'),
  quirk('Fronius', 'integer+SF or float models', 'evcc#2834', 'fronius', 'notes sunspec.rescanOn'),
  quirk('Fronius', 'scale factors move with power', 'ioBroker.modbus#127, ha-sunspec#14', 'fronius', 'notes'),
  quirk(
    'Fronius',
    'a new WMaxLimPct is ignored',
    'fronius_modbus#58',
    'fronius',
    'controls.limit.toggleEnable',
  ),
  quirk(
    'Fronius',
    'storage rates are a percentage',
    'fronius_modbus#13',
    'fronius',
    'controls.storage-charge.percentOf',
  ),
  quirk(
    'Fronius',
    '"inverter control via Modbus" must be enabled',
    'home-assistant.io#47615',
    'fronius',
    'controls.limit.preconditions controls.limit.outrankedBy',
  ),
  quirk(
    'Fronius',
    'Primo on RTU answers in 300 to 600 ms',
    'libmodbus#776, open-dynamic-export#75',
    'fronius-primo-rtu',
    'link.timeoutMs link.gapMs points.power.zeroMeansUnknown',
  ),
  quirk('SMA', 'SunSpec unit id = profile id + 123', 'ha-sunspec#135', 'sma', 'link.unit'),
  quirk('SMA', 'no end model', 'sunspec#20, pysunspec2#89', 'sma', 'notes sunspec.holes sunspec.rescanOn'),
  quirk(
    'SMA',
    'write acknowledged, value unchanged',
    'pysunspec#27, evcc#17115',
    'sma',
    'controls.limit.verify.by controls.limit.completeSet controls.limit.keepAlive',
  ),
  quirk(
    'Kostal',
    'byte order is a device setting',
    'evcc#3296, models#44, mbmd#97',
    'kostal',
    'notes points.energy.from.0.readAs',
  ),
  quirk('Kostal, APsystems', 'one takes only FC 6', 'gosunspec#13', 'kostal', 'link.writeWith'),
  quirk('Kostal, APsystems', 'one takes only FC 6', 'pysunspec2#104', 'apsystems', 'link.writeWith'),
  quirk(
    'Huawei',
    '1 to 2 s quiet time after connect',
    'evcc#32235, #30803',
    'huawei',
    'link.connectDelayMs link.retryOn link.timeoutMs',
  ),
  quirk(
    'Sungrow',
    'documented addresses are 1-based',
    'biemond PR #148, ha-modbus-manager#98',
    'sungrow',
    'points.running-state.from.0.addressBase points.running-state.from.0.table controls.storage-charge.verify.by',
  ),
  quirk(
    'Growatt',
    'at least 850 ms between commands',
    'biemond PR #131',
    'growatt',
    'link.gapMs link.maxRead',
  ),
  quirk(
    'SolaX',
    'writes ignored until an unlock code',
    'solax-modbus#2282',
    'solax',
    'controls.connect.steps.0.value points.unlock.from.0.writeOnly',
  ),
  quirk(
    'Deye',
    'reading an undefined register',
    'sunsynk#18',
    'deye-single-phase',
    'link.gaps sunspec.none sunspec.holes',
  ),
  quirk('SAJ, Marstek', 'a hole gives exception 2', 'saj-r5-modbus#235', 'saj', 'sunspec.holes notes'),
  quirk(
    'SAJ, Marstek',
    'a hole gives exception 2',
    'saj-r5-modbus#239',
    'saj-r5',
    'points.power-limit controls.limit.storage',
  ),
  quirk(
    'Sigenergy',
    'limits act only in certain EMS modes',
    'Sigenergy-Local-Modbus#85',
    'sigenergy',
    'controls.limit.preconditions',
  ),
  quirk(
    'Victron',
    'volatile register beside a flash one',
    'hass-victron#41',
    'victron',
    'controls.grid-setpoint.storage controls.grid-setpoint-stored.storage.flash.writesPerDay',
  ),
  quirk('Enphase', '7xx models only', 'evcc#30121', 'enphase', 'notes controls.limit.preconditions'),
];

function at(profile: Profile, path: string): unknown {
  let value: unknown = profile;
  for (const key of path.split('.'))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return value;
}

describe('the quirks of the field', () => {
  let profiles: ReadonlyMap<string, Profile>;
  before(async () => {
    profiles = await shippedProfiles();
  });

  for (const { device, says, cited, profile: name, features } of QUIRKS)
    it(`${device}: ${says} … is stated by ${name}: ${features.join(', ')}`, () => {
      const profile = profiles.get(name);
      expect(profile, name).to.not.equal(undefined);
      if (profile === undefined) return;
      for (const path of features) expect(at(profile, path), path).to.not.equal(undefined);
      const words = profile.deviations.flatMap(({ evidence }) => evidence);
      for (const word of cited)
        expect(
          words.some(evidence => evidence.endsWith(word)),
          `${word} among ${words.join(', ')}`,
        ).to.equal(true);
    });

  it('are all of the table: no line of it is left out', function () {
    needsThat(this, existsSync(TABLE), `${TABLE} is not there`);
    const section = readFileSync(TABLE, 'utf8').split('## Inverters and dongles')[1]?.split('\n## ')[0] ?? '';
    const rows = section.split('\n').filter(line => /^\| (?!device|---)/.test(line));
    const lines = rows.map(line => line.split('|').map(cell => cell.trim()));
    expect(lines.length).to.be.at.least(25);
    for (const [, device, says] of lines)
      expect(
        QUIRKS.some(each => each.device === device && says?.startsWith(each.says)),
        `${device}: ${says}`,
      ).to.equal(true);
  });

  it('leave no profile that claims more than was done: all say that none was tried', () => {
    for (const { profile, tested } of profiles.values()) expect(tested, profile).to.equal('none');
  });
});
