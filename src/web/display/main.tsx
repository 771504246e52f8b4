/**
 * The customer display: what is happening, what limits it, and what the customer can do. This file draws; the
 * words come from words.ts, and every decision from the gateway.
 */
import { render } from 'preact';
import { useEffect, useReducer, useState } from 'preact/hooks';
import type { PremiseView } from '../../model/mod.ts';
import { Event } from './event.tsx';
import { NEW_LINK, heard } from './link.ts';
import type { Link, LinkNews } from './link.ts';
import { eventCard, flows, formatAge, headline, limits } from './words.ts';
import type { Flow, LimitRow } from './words.ts';

function Display() {
  const link = useLink();
  const { view } = link;
  if (view === undefined) return <Waiting link={link} />;
  const ageMs = performance.now() - link.viewAtMs;
  const { tone, text } = headline(view);
  return (
    <>
      <header class={`headline ${tone}`}>
        <h1 aria-live="polite">{text}</h1>
        <Connection link={link} view={view} />
      </header>
      <main class={link.state === 'lost' ? 'lost' : ''}>
        <Flows rows={flows(view, ageMs)} />
        <Events view={view} />
        <Messages view={view} />
        <Limits rows={limits(view)} />
      </main>
      <footer>
        {view.gateway}, as of {new Date(view.at).toLocaleTimeString()}
      </footer>
    </>
  );
}

function Waiting({ link }: { link: Link }) {
  return (
    <header class="headline calm">
      <h1 aria-live="polite">
        {link.state === 'lost' ? 'The gateway does not answer; trying again' : 'Waiting for the gateway'}
      </h1>
    </header>
  );
}

/** Two links matter to a household: this screen to the gateway, and the gateway to the utility. */
function Connection({ link, view }: { link: Link; view: PremiseView }) {
  if (link.state === 'lost') {
    const age = formatAge(performance.now() - link.heardAtMs);
    return (
      <p class="connection bad" role="status">
        No connection to the gateway for {age}. What you see is old.
      </p>
    );
  }
  if (view.clock === 'untrusted') {
    return (
      <p class="connection bad" role="status">
        The clock is not trusted. Times shown may be wrong; new commands of the utility wait.
      </p>
    );
  }
  return view.online ? (
    <p class="connection good" role="status">
      Connected to the utility
    </p>
  ) : (
    <p class="connection bad" role="status">
      The utility cannot be reached. Standing rules stay in force.
    </p>
  );
}

function Flows({ rows }: { rows: readonly Flow[] }) {
  if (rows.length === 0) return <p class="quiet">No device has been read yet.</p>;
  return (
    <section class="flows" aria-label="Power now">
      {rows.map(({ name, amount, says, stale }) => (
        <div key={name} class={`flow ${name.toLowerCase()} ${stale === undefined ? '' : 'stale'}`}>
          <h2>{name}</h2>
          <p class="amount">{amount}</p>
          <p class="says">{says}</p>
          {stale !== undefined && <p class="age">{stale}</p>}
        </div>
      ))}
    </section>
  );
}

function Messages({ view }: { view: PremiseView }) {
  const messages = view.messages ?? [];
  if (messages.length === 0) return null;
  return (
    <section aria-labelledby="messages">
      <h2 id="messages">For you alone</h2>
      {messages.map(({ issuer, at, text }) => (
        <article key={`${at} ${text}`} class="event calm">
          <p class="note">{text}</p>
          <p class="why">
            {timeOf(at, view.at)} <span class="issuer">Sent by {issuer}.</span>
          </p>
        </article>
      ))}
    </section>
  );
}

function Events({ view }: { view: PremiseView }) {
  return (
    <section aria-labelledby="events">
      <h2 id="events">Events</h2>
      {view.events.length === 0 && <p class="quiet">The utility asks for nothing.</p>}
      {view.events.map(event => (
        <Event key={event.mRID} card={eventCard(event, unixMs => timeOf(unixMs, view.at))} />
      ))}
    </section>
  );
}

/** The time of day, with the date when it is not today's. */
function timeOf(unixMs: number, nowMs: number): string {
  const date = new Date(unixMs);
  const time = date.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' });
  const today = date.toDateString() === new Date(nowMs).toDateString();
  return today
    ? time
    : `${date.toLocaleDateString([], { weekday: 'short', day: 'numeric', month: 'short' })} ${time}`;
}

function Limits({ rows }: { rows: readonly LimitRow[] }) {
  return (
    <section aria-labelledby="limits">
      <h2 id="limits">Limits in force</h2>
      {rows.length === 0 && <p class="quiet">None.</p>}
      <ul class="limits">
        {rows.map(({ axis, what, reasons }) => (
          <li key={axis}>
            <strong>{what}</strong>
            {reasons.map(reason => (
              <span key={reason} class="reason">
                {reason}
              </span>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Follows the gateway, and ticks every second so that ages grow while nothing comes. */
function useLink(): Link {
  const [link, tell] = useReducer(
    (before: Link, news: LinkNews) => heard(before, news, performance.now()),
    NEW_LINK,
  );
  const [, redraw] = useState(0);
  useEffect(() => {
    const stop = follow(tell);
    const clock = setInterval(() => {
      tell({ kind: 'tick' });
      redraw(count => count + 1);
    }, 1000);
    return () => {
      clearInterval(clock);
      stop();
    };
  }, []);
  return link;
}

/** A browser reopens a lost stream by itself, but never one that was refused: that is tried again from here. */
const RETRY_MS = 5000;

function follow(tell: (news: LinkNews) => void): () => void {
  let timer: number | undefined;
  let source: EventSource;
  const open = () => {
    source = new EventSource('api/events');
    source.addEventListener('view', ({ data }) => tell({ kind: 'view', data }));
    source.addEventListener('beat', () => tell({ kind: 'beat' }));
    source.addEventListener('error', () => {
      tell({ kind: 'error' });
      if (source.readyState === EventSource.CLOSED) timer = window.setTimeout(open, RETRY_MS);
    });
  };
  open();
  return () => {
    window.clearTimeout(timer);
    source.close();
  };
}

const root = document.querySelector('#display');
if (root !== null) render(<Display />, root);
