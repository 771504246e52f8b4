/** The procedures, as suites. This is the room's one door. */
import type { Suite } from '../bench/mod.ts';
import { crv1 } from './crv-1.ts';
import { crv2 } from './crv-2.ts';
import { crv3 } from './crv-3.ts';
import { dev1 } from './dev-1.ts';
import { dev2 } from './dev-2.ts';
import { eff1 } from './eff-1.ts';
import { fc1 } from './fc-1.ts';
import { man1 } from './man-1.ts';
import { mea1 } from './mea-1.ts';
import { mod1 } from './mod-1.ts';
import { mod2 } from './mod-2.ts';
import { mod3 } from './mod-3.ts';
import { rej1 } from './rej-1.ts';
import { rej2 } from './rej-2.ts';
import { rej3 } from './rej-3.ts';
import { rev1 } from './rev-1.ts';
import { rev2 } from './rev-2.ts';
import { rev3 } from './rev-3.ts';
import { rtu1 } from './rtu-1.ts';
import { rtu2 } from './rtu-2.ts';
import { rtu3 } from './rtu-3.ts';
import { sf1 } from './sf-1.ts';
import { tcp1 } from './tcp-1.ts';
import { tcp2 } from './tcp-2.ts';
import { tcp3 } from './tcp-3.ts';

/** What is read before what is written, and framing first: where the line is wrong nothing else means much. */
export const SUITES: readonly Suite[] = [
  {
    name: 'sunspec',
    title: 'SunSpec Modbus conformance',
    procedures: [
      [dev1, dev2, rtu1, rtu2, rtu3, tcp1, tcp2, tcp3],
      [man1, mod1, mod2, sf1, mea1],
      [mod3, fc1, rej1, rej2, rej3],
      [crv1, crv2, crv3, rev1, rev2, rev3, eff1],
    ].flat(),
  },
];
