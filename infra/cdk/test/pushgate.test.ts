/** The construct's properties are the template's parameters, its attributes the template's outputs. */
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

function synthesised(stack: Stack): Template {
  return (stack.node.root as App).synth().getStackByName(stack.stackName).template;
}

test('every parameter of the template is a property, and no other', () => {
  const names = Object.keys(template.Parameters ?? {}).sort();
  assert.deepEqual(Object.keys(PARAMETERS).sort(), names);
  const properties = Object.keys(PROPERTIES).map((name) => name.charAt(0).toUpperCase() + name.slice(1));
  assert.deepEqual(properties.sort(), names);
});

test('what the tests call everything differs from every default', () => {
  for (const [name, { Default }] of Object.entries(template.Parameters ?? {})) {
    assert.notEqual(PARAMETERS[name], String(Default), name);
  }
});

test('every output of the template is an attribute that says the same', () => {
  const { stack, pushgate: made } = pushgate();
  const attributes: Record<string, string> = {
    ApiUrl: made.apiUrl,
    SignInUrl: made.signInUrl,
    UserPoolId: made.userPool.userPoolId,
    UserPoolClientId: made.userPoolClient.userPoolClientId,
    KeysTableName: made.keysTable.tableName,
    HistoryTableName: made.historyTable.tableName,
    ChannelsTableName: made.channelsTable.tableName,
    SubscriptionsTableName: made.subscriptionsTable.tableName,
    PushesTableName: made.pushesTable.tableName,
    PushQueueUrl: made.pushQueue.queueUrl,
    PushDeadLetterQueueUrl: made.pushDeadLetterQueue.queueUrl,
    AlarmTopicArn: made.alarmTopic.topicArn,
  };
  const outputs = Object.entries(template.Outputs ?? {}).map(([name, { Value }]) => [name, Value] as const);
  assert.deepEqual(stack.resolve(attributes), Object.fromEntries(outputs));
  assert.deepEqual(stack.resolve(made.api.restApiId), { Ref: 'Api' });
  assert.deepEqual(stack.resolve(made.pushQueue.queueArn), { 'Fn::GetAtt': ['PushQueue', 'Arn'] });
});

test('another stack of the app can use an attribute, and is deployed after', () => {
  const { app, stack, pushgate: made } = pushgate();
  const console = new Stack(app, 'Console');
  new StringParameter(console, 'Api', { stringValue: `${made.apiUrl}/keys` });
  new StringParameter(console, 'Queue', { stringValue: made.pushQueue.queueUrl });

  const exported = Object.values(synthesised(stack).Outputs ?? {}).filter(({ Export }) => Export !== undefined);
  const exports = exported.map(({ Export }) => (Export as { Name: string }).Name);
  assert.match(exports.join(), /^Pushgate:ApiUrl,Pushgate:ExportsOutputRefPushQueue[0-9A-F]+$/);
  const [api, queue] = exports.map((name) => ({ 'Fn::ImportValue': name }));
  const values = Object.values(synthesised(console).Resources).map(({ Properties }) => Properties?.['Value']);
  assert.deepEqual(values, [{ 'Fn::Join': ['', [api as Json, '/keys']] }, queue]);
  assert.deepEqual(console.dependencies, [stack]);
});

test('what nobody uses is not exported', () => {
  const { stack } = pushgate();
  const { Outputs } = synthesised(stack);
  assert.deepEqual(Outputs, template.Outputs);
});

test('what is given is no parameter of the stack any more, what is left out still is', () => {
  const { stack } = pushgate({ logLevel: 'debug', enableAccessLog: undefined });
  const names = Object.keys(synthesised(stack).Parameters ?? {}).filter((name) => name !== 'BootstrapVersion');
  assert.deepEqual(names, Object.keys(template.Parameters ?? {}).filter((name) => name !== 'LogLevel'));
});

test('a value that is known only when it is deployed can be given', () => {
  const stack = new Stack(new App({ outdir: mkdtempSync(join(scratch, 'out-')) }), 'Pushgate');
  const { bucketWebsiteUrl } = new Bucket(stack, 'Site', { websiteIndexDocument: 'index.html' });
  new Pushgate(stack, 'Pushgate', { template: built, consoleOrigin: bucketWebsiteUrl });
  const { Resources, Globals } = synthesised(stack) as Template & { Globals: Json };
  const websiteUrl = { 'Fn::GetAtt': [Object.keys(Resources).find((name) => name.startsWith('Site')), 'WebsiteURL'] };
  assert.deepEqual(at(Globals, 'Function', 'Environment', 'Variables', 'CONSOLE_ORIGIN'), websiteUrl);
  const callback = { 'Fn::Sub': ['${ConsoleOrigin}/', { ConsoleOrigin: websiteUrl }] };
  assert.deepEqual(Resources['UserPoolClient']?.Properties?.['CallbackURLs'], [callback]);
});

function at(part: Json, ...path: string[]): Json | undefined {
  return path.reduce<Json | undefined>((inner, name) => (inner as { [name: string]: Json })[name], part);
}

const refused: [PushgateParameters, RegExp][] = [
  [{ consoleOrigin: 'https://console.example.org/' }, /consoleOrigin: ConsoleOrigin does not allow/],
  [{ consoleOrigin: 'http://console.example.org' }, /consoleOrigin: ConsoleOrigin does not allow/],
  [{ vapidSubject: 'admin@example.org' }, /vapidSubject/],
  [{ userPoolDomainPrefix: 'Push' }, /userPoolDomainPrefix/],
  [{ logRetentionDays: 8 }, /logRetentionDays/],
  [{ wafRateLimit: 9 }, /wafRateLimit/],
  [{ consoleOrigin: `https://${'a'.repeat(200)}` }, /consoleOrigin/],
  [{ logRetentionDays: Number.NaN }, /logRetentionDays/],
  [{ logLevel: 'trace' as 'debug' }, /logLevel/],
  [{ colour: 'red' } as PushgateParameters, /colour: the template has no parameter Colour/],
];

for (const [properties, message] of refused) {
  test(`${JSON.stringify(properties).slice(0, 60)} is refused`, () => {
    assert.throws(() => pushgate(properties), message);
  });
}

test('a template that was not built is refused', () => {
  const stack = new Stack();
  assert.throws(() => new Pushgate(stack, 'Pushgate', { template: source }), /has no built code: run "sam build"/);
});

test('a build that lost a folder of code is refused', () => {
  const folder = mkdtempSync(join(scratch, 'lost-'));
  const lost = stubBuild(template, folder);
  rmSync(join(folder, 'SendPush'), { recursive: true });
  assert.throws(() => new Pushgate(new Stack(), 'Pushgate', { template: lost }), /SendPush has no built code/);
});
