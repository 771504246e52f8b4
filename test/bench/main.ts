/**
 * `npm run bench -- NAME`: runs one benchmark and prints `{name, ours, floor, ratio}` as JSON. The floor is
 * measured in the same run: the same work on the same sockets without what Underglass adds.
 */
const BENCHES: Readonly<Record<string, () => Promise<{ run: () => Promise<unknown> }>>> = {
  command: () => import('./command.ts'),
  devices: () => import('./devices.ts'),
  drain: () => import('./drain.ts'),
  enrol: () => import('./enrol.ts'),
  flood: () => import('./flood.ts'),
  footprint: () => import('./footprint.ts'),
  line: () => import('./line.ts'),
  poll: () => import('./poll.ts'),
  receipts: () => import('./receipts.ts'),
  wear: () => import('./wear.ts'),
  verify: () => import('./verify.ts'),
};

const name = process.argv[2] ?? '';
const load = BENCHES[name];
if (load === undefined) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHES).join(' | ')}\n`);
  process.exitCode = 2;
} else {
  const { run } = await load();
  process.stdout.write(`${JSON.stringify(await run(), null, 2)}\n`);
}
