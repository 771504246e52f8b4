/** What is said of a meter in the configuration of a gateway. */
import { z } from 'zod';
import { seconds } from '../base/time.ts';
import { METER_SERVICES } from '../model/mod.ts';

export const meterConfig = z
  .strictObject({
    service: z
      .enum(METER_SERVICES)
      .default('net-billing')
      .describe(`what it counts: ${METER_SERVICES.join(' or ')} (the generation alone)`),
    nominalV: z
      .number()
      .min(50)
      .max(50_000)
      .default(120)
      .describe('nominal voltage between line and neutral: a number of volts, as 120 or 230'),
    dwellSeconds: z
      .number()
      .min(1)
      .max(3600)
      .default(30)
      .transform(seconds)
      .describe('how long a voltage is out of range before that is an alarm: a number of seconds up to 3600'),
  })
  .transform(({ service, nominalV, dwellSeconds: dwell }) => ({ service, nominalV, dwell }));
