/**
 * After the SAM transform, the output of `cdk synth` equals what `sam deploy` creates from the same template.
 *
 * Tested with a stub build, and with the build at PUSHGATE_BUILD if that is set.
 */
import assert from 'node:assert/strict';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { asText, differences, resourceCounts, withoutCdk, withoutCode } from './comparison';
import { effective } from './effective';
import { PARAMETERS, PROPERTIES } from './all-parameters';
import { functions, PACKAGE, read, stubBuild, type Template, translate } from './sam';
import { type Synthesis, synthesize } from './synthesis';

const source = read(join(PACKAGE, '../template.yaml'));
const stub = mkdtempSync(join(tmpdir(), 'pushgate-cdk-'));
const scratch = [stub];
after(() => scratch.forEach((folder) => rmSync(folder, { recursive: true })));

compare('stub build', stubBuild(source, stub));

const { PUSHGATE_BUILD } = process.env;
if (PUSHGATE_BUILD !== undefined) {
  const path = resolve(PUSHGATE_BUILD);
  test('the build is up to date with the template', () => {
    assert.deepEqual(differences(withoutBuildMetadata(withoutCode(read(path))), withoutCode(source)), []);
  });
  compare('actual build', path);
}

function compare(name: string, path: string): void {
  describe(name, () => {
    const template = read(path);
    const defaults = keep(synthesize(path));
    const allParameters = keep(synthesize(path, PROPERTIES));

    test('without properties, the translated templates are equal', () => {
      const ofCdk = translate(withoutCode(withoutCdk(defaults.template)));
      const ofSam = translate(withoutCode(template));
      print(`${name}, no properties`, ofCdk, ofSam);
      assert.deepEqual(differences(ofCdk, ofSam), []);
    });

    test('without properties, the deployed resources are equal', () => {
      const ofCdk = translate(effective(withoutCode(withoutCdk(defaults.template))));
      const ofSam = translate(effective(withoutCode(template)));
      print(`${name}, optional features off`, ofCdk, ofSam);
      assert.deepEqual(differences(ofCdk, ofSam), []);
    });

    test('with every property, the deployed resources are equal', () => {
      const ofCdk = translate(effective(withoutCode(withoutCdk(allParameters.template))));
      const ofSam = translate(effective(withoutCode(template), PARAMETERS));
      print(`${name}, optional features on`, ofCdk, ofSam);
      assert.deepEqual(differences(asText(ofCdk), asText(ofSam)), []);
    });

    test('CDK reports no findings', () => {
      assert.deepEqual([...defaults.findings, ...allParameters.findings], []);
    });

    test('each function has its own executable code', () => {
      for (const [logicalId, { Properties }] of functions(template)) {
        const built = resolve(path, '..', Properties?.['CodeUri'] as string, 'bootstrap');
        const uploaded = join(codeOf(defaults, logicalId), 'bootstrap');
        accessSync(uploaded, constants.X_OK);
        assert.ok(readFileSync(uploaded).equals(readFileSync(built)), `${logicalId} has different code`);
      }
    });
  });
}

function codeOf(synthesis: Synthesis, logicalId: string): string {
  const { Key } = synthesis.template.Resources[logicalId]?.Properties?.['CodeUri'] as { Key: string };
  const folder = synthesis.asset(Key);
  assert.ok(folder, `${logicalId} has no asset`);
  return folder;
}

function keep(synthesis: Synthesis): Synthesis {
  scratch.push(synthesis.folder);
  return synthesis;
}

/** The template without the metadata that `sam build` adds to each resource. */
function withoutBuildMetadata(template: Template): Template {
  for (const resource of Object.values(template.Resources)) {
    delete resource.Metadata?.['SamResourceId'];
    if (Object.keys(resource.Metadata ?? {}).length === 0) delete resource.Metadata;
  }
  return template;
}

function print(title: string, ofCdk: Template, ofSam: Template): void {
  const rows = resourceCounts(ofCdk, ofSam);
  const sum = (column: 1 | 2) => rows.reduce((total, row) => total + row[column], 0);
  const line = (type: string, left: string | number, right: string | number) =>
    `${type.padEnd(48)}${String(left).padStart(5)}${String(right).padStart(5)}`;
  const lines = [line(title, 'CDK', 'SAM'), ...rows.map((row) => line(...row)), line('total', sum(1), sum(2))];
  console.log(lines.join('\n'));
}
