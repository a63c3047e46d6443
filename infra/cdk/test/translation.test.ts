/**
 * What `cdk synth` writes is, after the SAM transform, what `sam deploy` would make of the same template.
 *
 * Tried on a build without code, and on the build that PUSHGATE_BUILD names, if it names one.
 */
import assert from 'node:assert/strict';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { asText, differences, table, withoutCdk, withoutCode } from './comparison';
import { effective } from './effective';
import { PARAMETERS, PROPERTIES } from './all-parameters';
import { functions, PACKAGE, read, stubBuild, type Template, translate } from './sam';
import { type Synthesis, synthesise } from './synthesis';

const source = read(join(PACKAGE, '../template.yaml'));
const stub = mkdtempSync(join(tmpdir(), 'pushgate-cdk-'));
const scratch = [stub];
after(() => scratch.forEach((folder) => rmSync(folder, { recursive: true })));

compare('a build without code', stubBuild(source, stub));

const { PUSHGATE_BUILD } = process.env;
if (PUSHGATE_BUILD !== undefined) {
  const path = resolve(PUSHGATE_BUILD);
  test('the build is one of the template as it is now', () => {
    assert.deepEqual(differences(withoutBuildMarks(withoutCode(read(path))), withoutCode(source)), []);
  });
  compare('the build', path);
}

function compare(name: string, path: string): void {
  describe(name, () => {
    const template = read(path);
    const defaults = keep(synthesise(path));
    const everything = keep(synthesise(path, PROPERTIES));

    test('with no property given, every resource is the same to its last value', () => {
      const ofCdk = translate(withoutCode(withoutCdk(defaults.template)));
      const ofSam = translate(withoutCode(template));
      print(`${name}, no property given`, ofCdk, ofSam);
      assert.deepEqual(differences(ofCdk, ofSam), []);
    });

    test('with no property given, the same is deployed', () => {
      const ofCdk = translate(effective(withoutCode(withoutCdk(defaults.template))));
      const ofSam = translate(effective(withoutCode(template)));
      print(`${name}, everything optional off`, ofCdk, ofSam);
      assert.deepEqual(differences(ofCdk, ofSam), []);
    });

    test('with every property given, the same is deployed', () => {
      const ofCdk = translate(effective(withoutCode(withoutCdk(everything.template))));
      const ofSam = translate(effective(withoutCode(template), PARAMETERS));
      print(`${name}, everything optional on`, ofCdk, ofSam);
      assert.deepEqual(differences(asText(ofCdk), asText(ofSam)), []);
    });

    test('CDK finds nothing to warn of', () => {
      assert.deepEqual([...defaults.findings, ...everything.findings], []);
    });

    test('each function has its own code, ready to run', () => {
      for (const [logicalId, { Properties }] of functions(template)) {
        const built = resolve(path, '..', Properties?.['CodeUri'] as string, 'bootstrap');
        const uploaded = join(codeOf(defaults, logicalId), 'bootstrap');
        accessSync(uploaded, constants.X_OK);
        assert.ok(readFileSync(uploaded).equals(readFileSync(built)), `${logicalId} has other code`);
      }
    });
  });
}

function codeOf(synthesis: Synthesis, logicalId: string): string {
  const { Key } = synthesis.template.Resources[logicalId]?.Properties?.['CodeUri'] as { Key: string };
  const folder = synthesis.asset(Key);
  assert.ok(folder, `${logicalId} names no asset`);
  return folder;
}

function keep(synthesis: Synthesis): Synthesis {
  scratch.push(synthesis.folder);
  return synthesis;
}

/** Without what `sam build` notes at each resource. */
function withoutBuildMarks(template: Template): Template {
  for (const resource of Object.values(template.Resources)) {
    delete resource.Metadata?.['SamResourceId'];
    if (Object.keys(resource.Metadata ?? {}).length === 0) delete resource.Metadata;
  }
  return template;
}

function print(title: string, ofCdk: Template, ofSam: Template): void {
  const rows = table(ofCdk, ofSam);
  const sum = (column: 1 | 2) => rows.reduce((total, row) => total + row[column], 0);
  const line = (type: string, left: string | number, right: string | number) =>
    `${type.padEnd(48)}${String(left).padStart(5)}${String(right).padStart(5)}`;
  const lines = [line(title, 'CDK', 'SAM'), ...rows.map((row) => line(...row)), line('in all', sum(1), sum(2))];
  console.log(lines.join('\n'));
}
