/** Asks the head end and shows what gateways answered: one line a gateway, and the registers that prove it. */
import type { Applied } from '../../../model/mod.ts';
import type { Say } from '../../local/say.ts';
import type { GatewayAnswer } from '../../utility/calls/answers.ts';
import type { UtilityOptions } from './options.ts';

interface SentAnswer {
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
  asked: { readonly call: string; readonly args: unknown },
  say: Say,
): Promise<void> {
  const { ask, Refusal } = await import('../../utility/reach.ts');
  const show = (value: unknown): void => {
    if (options.json === true) say.json(value);
    else tellSent(value as SentAnswer, say);
  };
  try {
    show(await ask(options, asked, say));
  } catch (error) {
    if (error instanceof Refusal) show(error.value);
    throw error;
  }
}

function tellSent({ cti, mRID, awaits, answers, missing }: SentAnswer, say: Say): void {
  say.out(`${mRID === undefined ? 'command' : `event ${mRID}, command`} ${cti} to ${awaits.length} gateways`);
  for (const { gateway, response, refusal, why, applied = [] } of answers) {
    say.out(`${gateway}  ${refusal ?? response}  ${why}`);
    for (const one of applied) for (const line of proofOf(one)) say.out(`    ${line}`);
  }
  for (const gateway of missing) say.out(`${gateway}  no answer yet`);
}

function proofOf({ device, evidence }: Applied): readonly string[] {
  return evidence.map(({ point, address, wrote, readBack }) => {
    const back = readBack === undefined ? 'not read back' : `read back ${readBack.join(' ')}`;
    return `${device} ${point} at ${address}: wrote ${wrote.join(' ')}, ${back}`;
  });
}
