/** The comparison of templates detects every kind of difference at its path, and reports none where there is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asText, differences, resourceCounts, withoutCdk } from './comparison';
import { effective } from './effective';
import type { Json, Template } from './sam';

const QUEUE = { Delays: [1, 2], Name: { 'Fn::Sub': '${Firewall}/${Log}' } };

const TEMPLATE: Template = {
  Parameters: { Days: { Type: 'Number', Default: 30 }, Firewall: { Type: 'String', Default: 'false' } },
  Conditions: {
    On: { 'Fn::Equals': [{ Ref: 'Firewall' }, 'true'] },
    Off: { 'Fn::Not': [{ Condition: 'On' }] },
    Long: { 'Fn::And': [{ Condition: 'On' }, { 'Fn::Equals': [{ Ref: 'Days' }, '30'] }] },
  },
  Resources: {
    Log: { Type: 'AWS::Logs::LogGroup', Properties: { RetentionInDays: { Ref: 'Days' } } },
    Queue: { Type: 'AWS::SQS::Queue', Properties: QUEUE },
    Firewall: { Type: 'AWS::WAFv2::WebACL', Condition: 'On', Properties: {} } as Template['Resources'][string],
  },
};

const resource = ({ Resources }: Template, logicalId: string) => Resources[logicalId] as Template['Resources'][string];
const setDelays = (Delays: Json) => (template: Template) =>
  (resource(template, 'Queue').Properties = { ...QUEUE, Delays });

const changes: Record<string, [path: string, change: (template: Template) => unknown]> = {
  'a resource that is missing': ['/Resources/Queue', ({ Resources }) => delete Resources['Queue']],
  'an additional resource': ['/Resources/More', ({ Resources }) => (Resources['More'] = { Type: 'AWS::SQS::Queue' })],
  'another type': ['/Resources/Log/Type', (template) => (resource(template, 'Log').Type = 'AWS::SNS::Topic')],
  'another value': ['/Resources/Queue/Properties/Delays/1', setDelays([1, 3])],
  'a shorter list': ['/Resources/Queue/Properties/Delays/1', setDelays([1])],
  'a value of another kind': ['/Resources/Queue/Properties/Delays/0', setDelays(['1', 2])],
  'an object for a list': ['/Resources/Queue/Properties/Delays', setDelays({ 0: 1, 1: 2 })],
  'a null': ['/Resources/Queue/Properties/Delays', setDelays(null)],
  'another default': [
    '/Parameters/Days/Default',
    ({ Parameters }) => Object.assign(Parameters?.['Days'] ?? {}, { Default: 7 }),
  ],
  'a rule that CDK does not add': ['/Rules', (template) => (template.Rules = { Mine: {} })],
};

for (const [name, [path, change]] of Object.entries(changes)) {
  test(`${name} is detected`, () => {
    const changed = structuredClone(TEMPLATE);
    change(changed);
    for (const found of [differences(TEMPLATE, withoutCdk(changed)), differences(withoutCdk(changed), TEMPLATE)]) {
      assert.equal(found.length, 1);
      assert.ok(found[0]?.startsWith(`${path}: `), found[0]);
    }
  });
}

test('the order of fields makes no difference', () => {
  const reversed = Object.fromEntries(Object.entries(TEMPLATE).reverse());
  assert.deepEqual(differences(TEMPLATE, reversed), []);
});

test('additions that CDK makes to every stack are ignored', () => {
  const synthesized = structuredClone(TEMPLATE);
  synthesized.Resources['CDKMetadata'] = { Type: 'AWS::CDK::Metadata' };
  synthesized.Parameters!['BootstrapVersion'] = { Type: 'String' };
  synthesized.Rules = { CheckBootstrapVersion: {} };
  assert.deepEqual(differences(withoutCdk(synthesized), TEMPLATE), []);
});

test('resources are counted by type on both sides', () => {
  const other: Template = { Resources: { A: { Type: 'AWS::SQS::Queue' }, B: { Type: 'AWS::SQS::Queue' } } };
  assert.deepEqual(resourceCounts(TEMPLATE, other), [
    ['AWS::Logs::LogGroup', 1, 0],
    ['AWS::SQS::Queue', 1, 2],
    ['AWS::WAFv2::WebACL', 1, 0],
  ]);
});

test('asText converts numbers and booleans to strings', () => {
  const numbers = { Resources: { A: { Type: 'T', Properties: { a: 1, b: [true, null] } } } };
  assert.deepEqual(asText(numbers).Resources['A']?.Properties, { a: '1', b: ['true', null] });
});

test('a condition decides whether a resource is deployed', () => {
  assert.deepEqual(Object.keys(effective(TEMPLATE).Resources), ['Log', 'Queue']);
  assert.deepEqual(Object.keys(effective(TEMPLATE, { Firewall: 'true' }).Resources), ['Log', 'Queue', 'Firewall']);
});

test('parameter values replace references', () => {
  const { Resources } = effective(TEMPLATE, { Days: '7' });
  assert.deepEqual(Resources['Log']?.Properties, { RetentionInDays: '7' });
  assert.deepEqual(Resources['Queue']?.Properties?.['Name'], { 'Fn::Sub': 'false/${Log}' });
});

const values: [Json, Json | undefined][] = [
  [{ 'Fn::If': ['On', 'yes', 'no'] }, 'yes'],
  [{ 'Fn::If': ['Off', 'yes', 'no'] }, 'no'],
  [{ 'Fn::If': ['Long', 'yes', { Ref: 'AWS::NoValue' }] }, undefined],
  [['a', { 'Fn::If': ['Off', 'b', { Ref: 'AWS::NoValue' }] }], ['a']],
  [{ 'Fn::Sub': '${Firewall}' }, 'true'],
  [{ 'Fn::Sub': '${!Firewall}' }, { 'Fn::Sub': '${!Firewall}' }],
  [{ 'Fn::Sub': ['${Log} ${Days}', { Log: { Ref: 'Days' } }] }, { 'Fn::Sub': ['${Log} 31', { Log: '31' }] }],
  [{ 'Fn::Sub': ['${Days}', { Days: 'all' }] }, { 'Fn::Sub': ['${Days}', { Days: 'all' }] }],
  [{ 'Fn::GetAtt': ['Log', 'Arn'] }, { 'Fn::GetAtt': ['Log', 'Arn'] }],
];

for (const [value, expected] of values) {
  test(`${JSON.stringify(value)} is ${JSON.stringify(expected)}`, () => {
    const template = structuredClone(TEMPLATE);
    template.Resources['Log']!.Properties = { value };
    const { Properties } = effective(template, { Firewall: 'true', Days: '31' }).Resources['Log']!;
    assert.deepEqual(Properties, expected === undefined ? {} : { value: expected });
  });
}

test('a parameter without a value and an undecidable condition throw', () => {
  assert.throws(() => effective({ Parameters: { A: { Type: 'String' } }, Resources: {} }), /A has no value/);
  const undecidable = { ...TEMPLATE, Conditions: { On: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'x'] } } };
  assert.throws(() => effective(undecidable), /cannot be evaluated/);
});
