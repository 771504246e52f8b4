/**
 * One event: what it asks, until when, and the customer's answer. The code is sent once and forgotten.
 */
import { useState } from 'preact/hooks';
import type { PremiseReply, PremiseRequest } from '../../model/mod.ts';
import { ask } from './ask.ts';
import type { EventCard } from './words.ts';

export function Event({ card }: { card: EventCard }) {
  const [reply, setReply] = useState<PremiseReply>();
  const [busy, setBusy] = useState(false);
  const send = (request: PremiseRequest) => {
    setBusy(true);
    // ask() answers always and never rejects.
    void ask(request).then(answer => {
      setReply(answer);
      setBusy(false);
    });
  };
  return (
    <article class={`event ${card.tone}`} aria-label={card.title}>
      <h3>{card.title}</h3>
      <p class="when">{card.when}</p>
      <p class="asks">{card.asks}</p>
      {card.note !== undefined && <p class="note">{card.note}</p>}
      <p class="why">
        {card.why} <span class="issuer">Sent by {card.issuer}.</span>
      </p>
      <Action card={card} busy={busy} send={send} />
      {reply !== undefined && (
        <p class={`reply ${reply.ok ? 'good' : 'bad'}`} role={reply.ok ? 'status' : 'alert'}>
          {reply.why}
        </p>
      )}
    </article>
  );
}

interface ActionProps {
  readonly card: EventCard;
  readonly busy: boolean;
  readonly send: (request: PremiseRequest) => void;
}

function Action({ card: { action, mRID, acknowledged }, busy, send }: ActionProps) {
  switch (action) {
    case 'acknowledge':
      return (
        <button type="button" disabled={busy} onClick={() => send({ kind: 'acknowledge', mRID })}>
          Acknowledge
        </button>
      );
    case 'enter-code':
      return <CodeForm busy={busy} onCode={code => send({ kind: 'override', mRID, code })} />;
    case 'end-override':
      return (
        <button type="button" disabled={busy} onClick={() => send({ kind: 'end-override', mRID })}>
          Take part again
        </button>
      );
    case 'none':
      return acknowledged ? <p class="quiet">Acknowledged.</p> : null;
  }
}

function CodeForm({ busy, onCode }: { busy: boolean; onCode: (code: string) => void }) {
  const [code, setCode] = useState('');
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setCode('');
    onCode(code);
  };
  return (
    <form onSubmit={submit}>
      <label>
        Override code
        <input
          type="password"
          autocomplete="off"
          maxLength={64}
          value={code}
          onInput={event => setCode(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={busy || code === ''}>
        Opt out
      </button>
    </form>
  );
}
