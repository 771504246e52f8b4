/**
 * Asks the gateway something and always gets an answer: when the gateway cannot be reached, that is the answer.
 */
import type { PremiseReply, PremiseRequest } from '../../model/mod.ts';

/** A code check takes some 50 ms; a person gives up after seconds. */
const ANSWER_WITHIN_MS = 10_000;

export async function ask(request: PremiseRequest): Promise<PremiseReply> {
  try {
    const response = await fetch('api/request', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const reply: PremiseReply = JSON.parse(await response.text());
    return reply;
  } catch {
    return { ok: false, refusal: 'unreachable', why: 'The gateway did not answer. Please try again.' };
  }
}
