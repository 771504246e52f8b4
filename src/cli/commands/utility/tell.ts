/** Asks the head end and shows what gateways answered: one line a gateway, and the registers that prove it. */
import type { Evidence } from '../../../model/mod.ts';
import type { Say } from '../../local/say.ts';
import type { GatewayAnswer } from '../../utility/calls/answers.ts';
import type { UtilityOptions } from './options.ts';

export interface SentAnswer {
  readonly cti: string;
  readonly mRID?: string;
  readonly expires: string;
  readonly awaits: readonly string[];
  readonly answers: readonly GatewayAnswer[];
  readonly missing: readonly string[];
}

/** One call whose answer is that of a command to gateways. Shown also where some of them refused. */
export async function askAndTell(
  options: UtilityOptions,
  asked: { readonly call: string; readonly args: unknown; readonly needsLink?: boolean },
  say: Say,
  tell: (answer: unknown) => void = answer => tellSent(answer as SentAnswer, say),
): Promise<void> {
  const { ask, Refusal } = await import('../../utility/reach.ts');
  const show = (value: unknown): void => {
    if (options.json === true) say.json(value);
    else tell(value);
  };
  try {
    show(await ask(options, asked, say));
  } catch (error) {
    if (error instanceof Refusal) show(error.value);
    throw error;
  }
}

export function tellSent({ cti, mRID, awaits, answers, missing }: SentAnswer, say: Say): void {
  say.out(`${mRID === undefined ? 'command' : `event ${mRID}, command`} ${cti} to ${awaits.length} gateways`);
  for (const { gateway, response, refusal, why, applied = [], set = [] } of answers) {
    say.out(`${gateway}  ${refusal ?? response}  ${why}`);
    for (const { device, evidence } of applied) tellProof(device, evidence, say);
    for (const { device, parts } of set)
      for (const { mode, outcome, why: because, evidence } of parts) {
        say.out(`    ${device} ${mode} ${outcome}${because === undefined ? '' : `: ${because}`}`);
        tellProof(device, evidence, say);
      }
  }
  const heard = new Set<string>(answers.map(({ gateway }) => gateway));
  for (const gateway of missing) if (!heard.has(gateway)) say.out(`${gateway}  no answer yet`);
}

function tellProof(device: string, evidence: readonly Evidence[], say: Say): void {
  for (const { point, address, wrote, readBack } of evidence) {
    const back = readBack === undefined ? 'not read back' : `read back ${readBack.join(' ')}`;
    say.out(`    ${device} ${point} at ${address}: wrote ${wrote.join(' ')}, ${back}`);
  }
}
