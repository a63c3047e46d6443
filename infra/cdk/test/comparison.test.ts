/** The comparison finds what it is for: each kind of difference, at its place, and nothing where there is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asText, differences, table, withoutCdk } from './comparison';
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

const changes: Record<string, [place: string, change: (template: Template) => unknown]> = {
  'a resource that is missing': ['/Resources/Queue', ({ Resources }) => delete Resources['Queue']],
  'a resource too many': ['/Resources/More', ({ Resources }) => (Resources['More'] = { Type: 'AWS::SQS::Queue' })],
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

for (const [name, [place, change]] of Object.entries(changes)) {
  test(`${name} is found`, () => {
    const changed = structuredClone(TEMPLATE);
    change(changed);
    for (const found of [differences(TEMPLATE, withoutCdk(changed)), differences(withoutCdk(changed), TEMPLATE)]) {
      assert.equal(found.length, 1);
      assert.ok(found[0]?.startsWith(`${place}: `), found[0]);
    }
  });
}

test('what is equal does not differ, whatever the order of its fields', () => {
  const turned = Object.fromEntries(Object.entries(TEMPLATE).reverse());
  assert.deepEqual(differences(TEMPLATE, turned), []);
});

test('what CDK adds to any stack is left out', () => {
  const synthesised = structuredClone(TEMPLATE);
  synthesised.Resources['CDKMetadata'] = { Type: 'AWS::CDK::Metadata' };
  synthesised.Parameters!['BootstrapVersion'] = { Type: 'String' };
  synthesised.Rules = { CheckBootstrapVersion: {} };
  assert.deepEqual(differences(withoutCdk(synthesised), TEMPLATE), []);
});

test('types are counted on both sides', () => {
  const other: Template = { Resources: { A: { Type: 'AWS::SQS::Queue' }, B: { Type: 'AWS::SQS::Queue' } } };
  assert.deepEqual(table(TEMPLATE, other), [
    ['AWS::Logs::LogGroup', 1, 0],
    ['AWS::SQS::Queue', 1, 2],
    ['AWS::WAFv2::WebACL', 1, 0],
  ]);
});

test('numbers and truth values are text where that is asked for', () => {
  const numbers = { Resources: { A: { Type: 'T', Properties: { a: 1, b: [true, null] } } } };
  assert.deepEqual(asText(numbers).Resources['A']?.Properties, { a: '1', b: ['true', null] });
});

test('a condition decides whether a resource is deployed', () => {
  assert.deepEqual(Object.keys(effective(TEMPLATE).Resources), ['Log', 'Queue']);
  assert.deepEqual(Object.keys(effective(TEMPLATE, { Firewall: 'true' }).Resources), ['Log', 'Queue', 'Firewall']);
});

test('parameters are written in where they are named', () => {
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

test('a parameter without a value, and a condition that is not decided, are refused', () => {
  assert.throws(() => effective({ Parameters: { A: { Type: 'String' } }, Resources: {} }), /A has no value/);
  const undecided = { ...TEMPLATE, Conditions: { On: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'x'] } } };
  assert.throws(() => effective(undecided), /do not decide/);
});
