/** Pushgate as a construct: includes the template that `sam build` wrote, unchanged, with its code as assets. */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Fn, Lazy, Stack, Token, Validations } from 'aws-cdk-lib';
import { type IRestApi, RestApi } from 'aws-cdk-lib/aws-apigateway';
import { type IUserPool, type IUserPoolClient, UserPool, UserPoolClient } from 'aws-cdk-lib/aws-cognito';
import { type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { CfnFunction } from 'aws-cdk-lib/aws-sam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { type IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';
import { type PushgateParameters, parameterValues } from './parameters';

export type { PushgateParameters } from './parameters';

export interface PushgateProps extends PushgateParameters {
  /** Path of the template that `sam build` wrote, relative to the working directory, beside the functions' code. */
  readonly template: string;
}

/** False positives of CDK's validation. Most are reported on the stack, so they are acknowledged there. */
const ACKNOWLEDGED = [
  {
    id: 'CloudFormation-Validate::W1030',
    reason: 'A condition omits empty parameters, which the rule does not take into account',
  },
  {
    id: 'CloudFormation-Validate::W2509',
    reason: 'The parameters of the identity providers are names of secrets, not secrets',
  },
  {
    id: 'CloudFormation-Validate::W8003',
    reason: 'A condition on a parameter whose value is written in always has the same result',
  },
  {
    id: 'CloudFormation-Validate::W9053',
    reason: 'Conditions on parameters whose values are written in may become equal',
  },
];

/**
 * One Pushgate. Its resources keep the template's logical ids, so CDK can take over a stack that `sam deploy` created,
 * and a stack can contain only one. The SAM transform applies to the whole stack, so give Pushgate its own stack.
 */
export class Pushgate extends Construct {
  /** Base URL of the API, with its stage. */
  readonly apiUrl: string;
  /** URL of the web console. */
  readonly consoleUrl: string;
  /** Base URL of the sign-in page. */
  readonly signInUrl: string;
  readonly api: IRestApi;
  readonly userPool: IUserPool;
  /** The app client of the web console. */
  readonly userPoolClient: IUserPoolClient;
  readonly keysTable: ITable;
  readonly historyTable: ITable;
  readonly channelsTable: ITable;
  readonly subscriptionsTable: ITable;
  readonly pushesTable: ITable;
  readonly pushQueue: IQueue;
  /** The dead-letter queue of `pushQueue`. */
  readonly pushDeadLetterQueue: IQueue;
  /** The SNS topic that every alarm notifies. */
  readonly alarmTopic: ITopic;
  /** The included template: gives access to every other resource by its logical id. */
  readonly template: CfnInclude;

  /**
   * Throws if a value violates its parameter's constraints, if the template has no such parameter, or if a function has
   * no built code.
   */
  constructor(scope: Construct, id: string, { template, ...parameters }: PushgateProps) {
    super(scope, id);
    this.template = new CfnInclude(this, 'Template', {
      templateFile: template,
      parameters: parameterValues(template, parameters),
      // Canary deployments reference alarms, which reference the functions; the SAM transform resolves the cycle.
      allowCyclicalReferences: true,
    });
    // A condition cannot contain a value of another resource.
    if (Token.isUnresolved(parameters.consoleOrigin)) {
      this.template.getCondition('HasConsoleOrigin').expression = Fn.conditionEquals('token', 'token');
    }
    Validations.of(Stack.of(this)).acknowledge(...ACKNOWLEDGED);
    this.addCode(dirname(resolve(template)));

    this.apiUrl = this.output('ApiUrl');
    this.consoleUrl = this.output('ConsoleUrl');
    this.signInUrl = this.output('SignInUrl');
    this.api = RestApi.fromRestApiId(this, 'Api', this.ref('Api'));
    this.userPool = UserPool.fromUserPoolId(this, 'UserPool', this.ref('UserPool'));
    this.userPoolClient = UserPoolClient.fromUserPoolClientId(this, 'UserPoolClient', this.ref('UserPoolClient'));
    this.keysTable = this.table('KeysTable');
    this.historyTable = this.table('HistoryTable');
    this.channelsTable = this.table('ChannelsTable');
    this.subscriptionsTable = this.table('SubscriptionsTable');
    this.pushesTable = this.table('PushesTable');
    this.pushQueue = this.queue('PushQueue');
    this.pushDeadLetterQueue = this.queue('PushDeadLetterQueue');
    this.alarmTopic = Topic.fromTopicArn(this, 'AlarmTopic', this.ref('AlarmTopic'));
  }

  private addCode(buildFolder: string): void {
    for (const resource of this.template.node.findAll()) {
      if (!(resource instanceof CfnFunction)) continue;
      const name = resource.node.id;
      const folder = typeof resource.codeUri === 'string' ? resolve(buildFolder, resource.codeUri) : undefined;
      if (folder === undefined || !existsSync(folder)) {
        throw new Error(`${name} has no built code: run "sam build" and name the template in its build folder`);
      }
      const code = new Asset(this, `${name}Code`, { path: folder });
      resource.codeUri = { bucket: code.s3BucketName, key: code.s3ObjectKey };
    }
  }

  /**
   * The output's value. In another stack of the app it is an import, and the export is created on first use: CDK's own
   * cross-stack references do not work for the `Fn::Sub` of an included output.
   */
  private output(logicalId: string): string {
    const output = this.template.getOutput(logicalId);
    return Lazy.uncachedString({
      produce: ({ scope }) => {
        if (Stack.of(scope) === output.stack) return output.value;
        Stack.of(scope).addStackDependency(output.stack);
        output.exportName ??= `${output.stack.stackName}:${logicalId}`;
        return output.importValue;
      },
    });
  }

  private table(logicalId: string): ITable {
    return Table.fromTableName(this, logicalId, this.ref(logicalId));
  }

  private queue(logicalId: string): IQueue {
    const queueArn = this.template.getResource(logicalId).getAtt('Arn').toString();
    return Queue.fromQueueAttributes(this, logicalId, { queueArn, queueUrl: this.ref(logicalId) });
  }

  private ref(logicalId: string): string {
    return this.template.getResource(logicalId).ref;
  }
}
