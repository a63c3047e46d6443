/** Pushgate as a construct: the template that `sam build` wrote, included as it stands, with its code as assets. */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Lazy, Stack, Validations } from 'aws-cdk-lib';
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
  /** Path, from the working directory, of the template that `sam build` wrote; the functions' code lies beside it. */
  readonly template: string;
}

/** What CDK warns of without cause. Most of it is said of the stack, so it is acknowledged there, for all in it. */
const ACKNOWLEDGED = [
  {
    id: 'CloudFormation-Validate::W1030',
    reason: 'A condition leaves an empty parameter out, which the rule does not see',
  },
  {
    id: 'CloudFormation-Validate::W2509',
    reason: 'The parameters of the identity providers name secrets and hold none',
  },
  {
    id: 'CloudFormation-Validate::W8003',
    reason: 'A condition on a parameter whose value is written in always has the same result',
  },
  {
    id: 'CloudFormation-Validate::W9053',
    reason: 'Conditions on parameters whose values are written in may come to look alike',
  },
];

/**
 * One Pushgate. Its resources keep the template's logical ids: a stack that `sam deploy` made can go on under CDK, and
 * a stack holds at most one. The SAM transform sees the whole stack, so give Pushgate a stack of its own.
 */
export class Pushgate extends Construct {
  /** Base address of the API, with its stage. */
  readonly apiUrl: string;
  /** Base address of the sign-in page. */
  readonly signInUrl: string;
  readonly api: IRestApi;
  readonly userPool: IUserPool;
  /** The client that the console signs people in with. */
  readonly userPoolClient: IUserPoolClient;
  readonly keysTable: ITable;
  readonly historyTable: ITable;
  readonly channelsTable: ITable;
  readonly subscriptionsTable: ITable;
  readonly pushesTable: ITable;
  readonly pushQueue: IQueue;
  /** What could not be delivered. */
  readonly pushDeadLetterQueue: IQueue;
  /** Every alarm is sent to it. */
  readonly alarmTopic: ITopic;
  /** All else: any resource of the template by its logical id, to be read or changed. */
  readonly template: CfnInclude;

  /**
   * Fails if a value breaks its parameter's rule, if the template has no such parameter, and if a function has no
   * built code.
   */
  constructor(scope: Construct, id: string, { template, ...parameters }: PushgateProps) {
    super(scope, id);
    this.template = new CfnInclude(this, 'Template', {
      templateFile: template,
      parameters: parameterValues(template, parameters),
      // A canary names alarms, which name the function: the SAM transform makes resources of both that are no circle.
      allowCyclicalReferences: true,
    });
    Validations.of(Stack.of(this)).acknowledge(...ACKNOWLEDGED);
    this.addCode(dirname(resolve(template)));

    this.apiUrl = this.output('ApiUrl');
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
   * The output's value; in another stack of the app, by an export that is made when it is asked for. CDK's own
   * references do not reach into the `Fn::Sub` of an included output.
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
