/**
 * What the customer asks at the display: acknowledge, override with a code, end an override. The premise is
 * untrusted; what it may do is decided by control, and every attempt is reported upstream (OVR-2, OVR-5), the
 * refused ones by their number (attempts.ts).
 */
import type { Now } from '../../base/time.ts';
import { acknowledge, codeChecked, mayTry, schedule } from '../../control/mod.ts';
import type { Entry } from '../../control/mod.ts';
import { axesOf } from '../../model/mod.ts';
import type { PremiseReply } from '../../model/mod.ts';
import { attemptRefused } from './attempts.ts';
import { storeEntry } from '../commands/commands.ts';
import type { Input, Work } from '../effects.ts';
import type { Cause } from '../orders/orders.ts';
import { aboutEvent, customer, overrideEnded } from '../uplink/reports.ts';
import { codeFor } from '../commands/sealed.ts';
import { put } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** Handles one request; the reply goes out when what it changed is durable. */
export function request(
  state: GatewayState,
  work: Work,
  input: Extract<Input, { on: 'request' }>,
  now: Now,
): readonly Cause[] {
  const { ask } = input;
  switch (ask.kind) {
    case 'acknowledge': {
      const again = schedule.named(state.schedule, ask.mRID)?.acknowledgedAt !== undefined;
      const done = acknowledge(state.schedule, ask.mRID, now.unix);
      if (!done.ok) return reply(work, input.request, refusal(done));
      if (again) return reply(work, input.request, { ok: true, why: 'Acknowledged before.' });
      storeEntry(work, { entry: done.value });
      customer(
        state,
        work,
        { mRID: ask.mRID, action: 'acknowledged', why: `the customer acknowledged ${ask.mRID}` },
        now,
      );
      return reply(work, input.request, { ok: true, why: 'Acknowledged.' });
    }
    case 'override': {
      const may = mayTry(state.schedule, state.attempts, {
        mRID: ask.mRID,
        terms: state.settings.terms,
        now: now.unix,
      });
      if (!may.ok)
        return refuseAttempt(
          state,
          work,
          input.request,
          { entry: schedule.named(state.schedule, ask.mRID), ...refusal(may) },
          now,
        );
      if (state.checking !== undefined)
        return refuseAttempt(state, work, input.request, { entry: may.value, ...BUSY }, now);
      state.checking = { request: input.request, mRID: ask.mRID };
      const hash = codeFor(state, may.value.event);
      work.wish({
        do: 'check',
        request: input.request,
        code: ask.code,
        ...(hash === undefined ? {} : { hash }),
      });
      return [];
    }
    case 'end-override': {
      const entry = schedule.named(state.schedule, ask.mRID);
      if (entry === undefined)
        return reply(work, input.request, {
          ok: false,
          refusal: 'event-unknown',
          why: 'This event is not known.',
        });
      const total = overrideEnded(state, work, entry, now);
      if (total === undefined)
        return reply(work, input.request, {
          ok: false,
          refusal: 'not-overridden',
          why: 'This event is not overridden.',
        });
      storeEntry(work, { entry });
      reply(work, input.request, { ok: true, why: 'The event applies again.' });
      const why = `the customer ended the override of ${ask.mRID} after ${total} s`;
      return [{ receipt: aboutEvent(entry.event, 'optIn', why), axes: axesOf(entry.event.axes) }];
    }
    default:
      return reply(work, input.request, {
        ok: false,
        refusal: 'request-unknown',
        why: 'This is not a request.',
      });
  }
}

/** The slow check of a code ended. */
export function checked(
  state: GatewayState,
  work: Work,
  input: Extract<Input, { on: 'codeChecked' }>,
  now: Now,
): readonly Cause[] {
  const { checking } = state;
  if (checking === undefined || checking.request !== input.request) return [];
  state.checking = undefined;
  const entry = schedule.named(state.schedule, checking.mRID);
  if (entry === undefined)
    return reply(work, input.request, {
      ok: false,
      refusal: 'event-unknown',
      why: 'This event is not known.',
    });
  const done = codeChecked(entry, state.attempts, { right: input.right, now: now.unix });
  work.store(put('override', 'attempts', state.attempts));
  if (!done.ok) return refuseAttempt(state, work, input.request, { entry, ...refusal(done) }, now);
  storeEntry(work, { entry });
  const why = `the customer overrode ${checking.mRID}`;
  customer(state, work, { mRID: checking.mRID, action: 'override', why }, now);
  reply(work, input.request, {
    ok: true,
    why: 'Overridden. Your equipment follows your own settings until the event ends.',
  });
  return [{ receipt: aboutEvent(entry.event, 'optOut', why), axes: axesOf(entry.event.axes) }];
}

const BUSY: PremiseReply = {
  ok: false,
  refusal: 'code-busy',
  why: 'A code is being checked. Try again in a moment.',
};

/** A wrong code is recorded by itself: there are few before the lock. All others are counted (OVR-2). */
function refuseAttempt(
  state: GatewayState,
  work: Work,
  request: number,
  no: PremiseReply & { entry: Entry | undefined },
  now: Now,
): readonly Cause[] {
  const { entry, ...answer } = no;
  if (entry === undefined) return reply(work, request, answer);
  const { mRID } = entry.event;
  const why = `override refused (${answer.refusal}): ${answer.why}`;
  if (answer.refusal === 'code-wrong') customer(state, work, { mRID, action: 'code-refused', why }, now);
  else attemptRefused(state, work, { mRID, ...answer }, now);
  return reply(work, request, answer);
}

function refusal(no: { refusal: string; detail?: string }): PremiseReply {
  return { ok: false, refusal: no.refusal, why: no.detail ?? no.refusal };
}

function reply(work: Work, request: number, answer: PremiseReply): readonly Cause[] {
  work.wish({ do: 'reply', request, reply: answer });
  return [];
}
