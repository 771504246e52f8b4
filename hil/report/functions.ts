/**
 * The functions of IEEE 1547-2018 and the models that carry them, in both generations of SunSpec: what of a device's
 * chain is there for each, on the first page of the report.
 */
import type { ChainModel } from '../bench/mod.ts';
import { escape } from './text.ts';

/** Clause of IEEE 1547-2018, function, models of the 700s, models of the 100s. */
const FUNCTIONS: readonly (readonly [string, string, readonly number[], readonly number[]])[] = [
  ['10.3', 'Nameplate', [702], [120]],
  ['10.4', 'Settings', [702], [121]],
  ['10.5', 'Monitoring', [701], [101, 102, 103, 111, 112, 113]],
  ['4.10', 'Enter service', [703], [123]],
  ['4.6.2', 'Limit active power', [704], [123]],
  ['5.3.2', 'Constant power factor', [704], [123]],
  ['5.3.5', 'Constant reactive power', [704], [123]],
  ['5.3.3', 'Volt-var', [705], [126]],
  ['5.3.4', 'Watt-var', [712], [131]],
  ['5.4.2', 'Volt-watt', [706], [132]],
  ['6.4.1', 'Voltage trip', [707, 708], [129, 130]],
  ['6.5.1', 'Frequency trip', [709, 710], [135, 136]],
  ['6.5.2', 'Frequency droop', [711], [127, 134]],
];

export function functionTable(chain: readonly ChainModel[]): string {
  const there = new Set(chain.map(({ id }) => id));
  const models = (ids: readonly number[]): string => ids.filter(id => there.has(id)).join(', ');
  const rows = FUNCTIONS.map(([clause, name, newer, older]) => {
    const [ours, theirs] = [models(newer), models(older)];
    const missing = ours === '' && theirs === '' ? ' class="gone"' : '';
    return `<tr${missing}><td>${clause}</td><td>${escape(name)}</td><td>${ours || '–'}</td><td>${theirs || '–'}</td></tr>`;
  });
  return `<h2>Functions of IEEE 1547-2018</h2><table class="functions"><thead><tr><th>Clause</th><th>Function</th><th>Models 7xx</th><th>Models 1xx</th></tr></thead><tbody>${rows.join('')}</tbody></table><p class="soft small">A model in the chain says that a function is offered; the checks say whether it works.</p>`;
}
