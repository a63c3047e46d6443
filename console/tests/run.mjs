// The acceptance tests of the console, in a real browser against a stack that runs on this machine:
//
//   node console/tests/run.mjs http://127.0.0.1:3000 [number …]
//
// or against a deployment on an AWS emulator, which a JSON file describes (see deployment.mjs):
//
//   node console/tests/run.mjs deployment.json [number …]
//
// Each check is printed with its result. The exit code is 1 if one failed. CHROMIUM is the browser's program if it is
// not /usr/bin/chromium, and PUSH_SERVICE the address of a push service as the tests of the API have it.

import { readFileSync } from 'node:fs';
import { checks } from './check.mjs';
import { Deployment } from './deployment.mjs';
import { Stack } from './stack.mjs';
import './create.mjs';
import './list.mjs';
import './change.mjs';
import './cancel.mjs';
import './session.mjs';
import './everybody.mjs';
import './try-it.mjs';

const [base = 'http://127.0.0.1:3000', ...numbers] = process.argv.slice(2);
const stack = base.endsWith('.json') ? new Deployment(JSON.parse(readFileSync(base, 'utf8'))) : new Stack(base);
const browser = await stack.launch();
const before = new Set((await stack.keys()).map(({ id }) => id));

let failures = 0;
let run = 0;
for (const { number, title, test } of checks.sort((a, b) => a.number - b.number)) {
  if (numbers.length > 0 && !numbers.includes(String(number))) continue;
  run += 1;
  const started = Date.now();
  const figures = [];
  try {
    await test({ stack, browser, report: (figure) => figures.push(figure) });
    console.log(
      `ok   ${String(number).padStart(2)}  ${title} (${[...figures, `${Date.now() - started} ms`].join(', ')})`,
    );
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${String(number).padStart(2)}  ${title}\n${String(error.stack).replace(/^/gm, '       ')}`);
  }
  for (const context of browser.contexts()) await context.close();
}
await browser.close();
// The keys that the checks made. The sample data stays.
for (const { id, name } of await stack.keys()) {
  if (!before.has(id) && / [0-9a-z]{8}-[0-9]+/.test(name)) await stack.call('DELETE', `/keys/${id}`);
}
console.log(`${run - failures} of ${run} checks passed`);
process.exitCode = failures > 0 ? 1 : 0;
