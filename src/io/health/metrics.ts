/** The metrics of a gateway: its {@link Facts} by name, with their units. */
import { memoryUsage, cpuUsage } from 'node:process';
import { between } from '../../base/time.ts';
import type { Now } from '../../base/time.ts';
import type { Metric, Sample } from './exposition.ts';
import type { DeviceFacts, Facts } from './facts.ts';

export interface About {
  readonly now: Now;
  readonly version: string;
  readonly startedAt: Now;
  /** Refusals and other events of the gateway's own count, by name. */
  readonly counts: ReadonlyMap<string, number>;
}

export function metricsOf(facts: Facts, { now, version, startedAt, counts }: About): readonly Metric[] {
  const { watchedMs, link, commands } = facts.availability.figures();
  const { user, system } = cpuUsage();
  const days = { window: '30d' };
  return [
    gauge('underglass_build_info', 'Version of the program.', [{ labels: { version }, value: 1 }]),
    gauge('underglass_start_time_seconds', 'When it started, in Unix time.', one(startedAt.unix / 1000)),
    gauge('process_resident_memory_bytes', 'Memory in use.', one(memoryUsage.rss())),
    counter('process_cpu_seconds_total', 'Processor time used.', one((user + system) / 1e6)),
    gauge('underglass_link_up', 'Whether the broker is reached.', one(facts.link.up ? 1 : 0)),
    counter('underglass_link_losses_total', 'Times the link was lost.', one(facts.link.losses)),
    gauge(
      'underglass_link_availability_ratio',
      'Share of the time in which the broker was reached (SIWG-6).',
      [{ labels: days, value: link }],
    ),
    gauge(
      'underglass_command_availability_ratio',
      'Share of the time in which a command could come in, be kept and be carried out (SIWG-6).',
      [{ labels: days, value: commands }],
    ),
    gauge('underglass_availability_watched_seconds', 'Time that the shares are of.', [
      { labels: days, value: watchedMs / 1000 },
    ]),
    counter('underglass_messages_received_total', 'Messages from the broker.', one(facts.messages)),
    counter('underglass_records_published_total', 'Records that the broker took.', one(facts.published)),
    gauge('underglass_store_up', 'Whether the store took the last change.', one(facts.store.works ? 1 : 0)),
    counter('underglass_store_commits_total', 'Changes that are on the disk.', one(facts.store.commits)),
    counter(
      'underglass_store_failures_total',
      'Changes that the store did not take.',
      one(facts.store.failures),
    ),
    counter('underglass_store_commit_seconds_total', 'Time waited for the disk.', one(facts.store.seconds)),
    ...deviceMetrics(facts, now),
    counter(
      'underglass_orders_total',
      'Orders to devices, by how they ended.',
      rows(facts.orders, 'outcome'),
    ),
    counter(
      'underglass_bus_conversations_total',
      'Conversations that ended.',
      rows(facts.conversations, 'bus'),
    ),
    counter('underglass_events_total', 'Refusals and other events, by name.', rows(counts, 'event')),
    counter('underglass_log_lines_total', 'Lines of the log.', lineSamples(facts)),
  ];
}

function deviceMetrics({ devices }: Facts, now: Now): readonly Metric[] {
  const of = (value: (one: DeviceFacts) => number | undefined): readonly Sample[] =>
    [...devices].map(([device, each]) => ({ labels: { device }, value: value(each) }));
  return [
    gauge(
      'underglass_device_up',
      'Whether the device answers.',
      of(d => (d.state?.present === true ? 1 : 0)),
    ),
    counter(
      'underglass_device_readings_total',
      'Readings of the device.',
      of(d => d.readings),
    ),
    gauge(
      'underglass_device_reading_age_seconds',
      'Age of the newest reading.',
      of(d => (d.readAt === undefined ? undefined : between(d.readAt.instant, now.instant) / 1000)),
    ),
  ];
}

function lineSamples({ lines }: Facts): readonly Sample[] {
  return [...lines].map(([key, value]) => {
    const [level = '', event = ''] = key.split(' ');
    return { labels: { level, event }, value };
  });
}

function rows(counts: ReadonlyMap<string, number>, label: string): readonly Sample[] {
  return [...counts].map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function one(value: number): readonly Sample[] {
  return [{ value }];
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, type: 'gauge', help, samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, type: 'counter', help, samples };
}
