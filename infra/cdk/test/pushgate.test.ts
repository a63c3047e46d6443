/** The construct: its properties match the template's parameters, its attributes the template's outputs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { App, Stack } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Pushgate, type PushgateParameters } from '../lib/pushgate';
import { PARAMETERS, PROPERTIES } from './all-parameters';
import { type Json, PACKAGE, read, stubBuild, type Template } from './sam';

const scratch = mkdtempSync(join(tmpdir(), 'pushgate-cdk-'));
after(() => rmSync(scratch, { recursive: true }));
const source = join(PACKAGE, '../template.yaml');
const template = read(source);
const built = stubBuild(template, scratch);

function pushgate(parameters: PushgateParameters = {}): { app: App; stack: Stack; pushgate: Pushgate } {
  const app = new App({ outdir: mkdtempSync(join(scratch, 'out-')) });
  const stack = new Stack(app, 'Pushgate');
  return { app, stack, pushgate: new Pushgate(stack, 'Pushgate', { template: built, ...parameters }) };
}

function synthesize(stack: Stack): Template {
  return (stack.node.root as App).synth().getStackByName(stack.stackName).template;
}

test('the properties are exactly the parameters of the template', () => {
  const names = Object.keys(template.Parameters ?? {}).sort();
  assert.deepEqual(Object.keys(PARAMETERS).sort(), names);
  const properties = Object.keys(PROPERTIES).map((name) => name.charAt(0).toUpperCase() + name.slice(1));
  assert.deepEqual(properties.sort(), names);
});

test('the test values differ from every default', () => {
  for (const [name, { Default }] of Object.entries(template.Parameters ?? {})) {
    assert.notEqual(PARAMETERS[name], String(Default), name);
  }
});

test('every output of the template is an attribute with the same value', () => {
  const { stack, pushgate: construct } = pushgate();
  const attributes: Record<string, string> = {
    ApiUrl: construct.apiUrl,
    ConsoleUrl: construct.consoleUrl,
    SignInUrl: construct.signInUrl,
    UserPoolId: construct.userPool.userPoolId,
    UserPoolClientId: construct.userPoolClient.userPoolClientId,
    KeysTableName: construct.keysTable.tableName,
    HistoryTableName: construct.historyTable.tableName,
    ChannelsTableName: construct.channelsTable.tableName,
    SubscriptionsTableName: construct.subscriptionsTable.tableName,
    PushesTableName: construct.pushesTable.tableName,
    PushQueueUrl: construct.pushQueue.queueUrl,
    PushDeadLetterQueueUrl: construct.pushDeadLetterQueue.queueUrl,
    AlarmTopicArn: construct.alarmTopic.topicArn,
  };
  const outputs = Object.entries(template.Outputs ?? {}).map(([name, { Value }]) => [name, Value] as const);
  assert.deepEqual(stack.resolve(attributes), Object.fromEntries(outputs));
  assert.deepEqual(stack.resolve(construct.api.restApiId), { Ref: 'Api' });
  assert.deepEqual(stack.resolve(construct.pushQueue.queueArn), { 'Fn::GetAtt': ['PushQueue', 'Arn'] });
});

test('another stack of the app can use an attribute, and depends on this one', () => {
  const { app, stack, pushgate: construct } = pushgate();
  const console = new Stack(app, 'Console');
  new StringParameter(console, 'Api', { stringValue: `${construct.apiUrl}/keys` });
  new StringParameter(console, 'Queue', { stringValue: construct.pushQueue.queueUrl });

  const exported = Object.values(synthesize(stack).Outputs ?? {}).filter(({ Export }) => Export !== undefined);
  const exports = exported.map(({ Export }) => (Export as { Name: string }).Name);
  assert.match(exports.join(), /^Pushgate:ApiUrl,Pushgate:ExportsOutputRefPushQueue[0-9A-F]+$/);
  const [api, queue] = exports.map((name) => ({ 'Fn::ImportValue': name }));
  const values = Object.values(synthesize(console).Resources).map(({ Properties }) => Properties?.['Value']);
  assert.deepEqual(values, [{ 'Fn::Join': ['', [api as Json, '/keys']] }, queue]);
  assert.deepEqual(console.dependencies, [stack]);
});

test('unused attributes are not exported', () => {
  const { stack } = pushgate();
  const { Outputs } = synthesize(stack);
  assert.deepEqual(Outputs, template.Outputs);
});

test('given parameters are removed from the stack, omitted ones remain', () => {
  const { stack } = pushgate({ logLevel: 'debug', enableAccessLog: undefined });
  const names = Object.keys(synthesize(stack).Parameters ?? {}).filter((name) => name !== 'BootstrapVersion');
  assert.deepEqual(names, Object.keys(template.Parameters ?? {}).filter((name) => name !== 'LogLevel'));
});

test('a value can be a token that is resolved at deployment', () => {
  const stack = new Stack(new App({ outdir: mkdtempSync(join(scratch, 'out-')) }), 'Pushgate');
  const { bucketWebsiteUrl } = new Bucket(stack, 'Site', { websiteIndexDocument: 'index.html' });
  new Pushgate(stack, 'Pushgate', { template: built, consoleOrigin: bucketWebsiteUrl });
  const { Resources, Globals, Conditions } = synthesize(stack) as Template & {
    Globals: Json;
    Conditions: { [name: string]: Json };
  };
  const websiteUrl = { 'Fn::GetAtt': [Object.keys(Resources).find((name) => name.startsWith('Site')), 'WebsiteURL'] };
  assert.deepEqual(at(Globals, 'Function', 'Environment', 'Variables', 'CONSOLE_ORIGIN'), websiteUrl);
  const callback = { 'Fn::Sub': ['${ConsoleOrigin}/v1/console', { ConsoleOrigin: websiteUrl }] };
  const callbacks = Resources['UserPoolClient']?.Properties?.['CallbackURLs'];
  assert.deepEqual((callbacks as Json[])[1], {
    'Fn::If': ['HasConsoleOrigin', callback, { Ref: 'AWS::NoValue' }],
  });
  assert.deepEqual(Conditions['HasConsoleOrigin'], { 'Fn::Equals': ['token', 'token'] });
});

function at(part: Json, ...path: string[]): Json | undefined {
  return path.reduce<Json | undefined>((inner, name) => (inner as { [name: string]: Json })[name], part);
}

const invalid: [PushgateParameters, RegExp][] = [
  [{ consoleOrigin: 'https://console.example.org/' }, /consoleOrigin: ConsoleOrigin does not allow/],
  [{ consoleOrigin: 'http://console.example.org' }, /consoleOrigin: ConsoleOrigin does not allow/],
  [{ vapidSubject: 'admin@example.org' }, /vapidSubject/],
  [{ userPoolDomainPrefix: 'Push' }, /userPoolDomainPrefix/],
  [{ logRetentionDays: 8 }, /logRetentionDays/],
  [{ wafRateLimit: 9 }, /wafRateLimit/],
  [{ consoleOrigin: `https://${'a'.repeat(200)}` }, /consoleOrigin/],
  [{ logRetentionDays: Number.NaN }, /logRetentionDays/],
  [{ logLevel: 'trace' as 'debug' }, /logLevel/],
  [{ color: 'red' } as PushgateParameters, /color: the template has no parameter Color/],
];

for (const [properties, message] of invalid) {
  test(`${JSON.stringify(properties).slice(0, 60)} is rejected`, () => {
    assert.throws(() => pushgate(properties), message);
  });
}

test('a template that was not built is rejected', () => {
  const stack = new Stack();
  assert.throws(() => new Pushgate(stack, 'Pushgate', { template: source }), /has no built code: run "sam build"/);
});

test('a build with a missing code folder is rejected', () => {
  const folder = mkdtempSync(join(scratch, 'incomplete-'));
  const incomplete = stubBuild(template, folder);
  rmSync(join(folder, 'SendPush'), { recursive: true });
  assert.throws(() => new Pushgate(new Stack(), 'Pushgate', { template: incomplete }), /SendPush has no built code/);
});
