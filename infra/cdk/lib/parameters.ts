/** The template's parameters as typed properties, validated against the constraints that the template declares. */
import { CfnParameter, Stack, Token } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';

/**
 * The template's parameters in camel case; the template describes them.
 *
 * A given value is written into the template, so a change takes effect with the next deployment. An omitted one stays a
 * parameter of the stack, with the template's default.
 */
export interface PushgateParameters {
  readonly consoleOrigin?: string;
  readonly allowedPushHosts?: readonly string[];
  readonly vapidSubject?: string;
  readonly userPoolDomainPrefix?: string;
  readonly architecture?: 'arm64' | 'x86_64';
  readonly logLevel?: 'error' | 'warn' | 'info' | 'debug';
  readonly logRetentionDays?: number;
  readonly enableAccessLog?: boolean;
  readonly alarmEmail?: string;
  readonly canaryDeployment?: boolean;
  readonly domainName?: string;
  readonly certificateArn?: string;
  readonly hostedZoneId?: string;
  readonly enableWaf?: boolean;
  readonly wafRateLimit?: number;
  readonly keyRequestRate?: number;
  readonly userRequestRate?: number;
  readonly authorizerConcurrency?: number;
  readonly deliveryConcurrency?: number;
  readonly maxKeysPerAccount?: number;
  readonly maxChannelsPerAccount?: number;
  readonly floodThreshold?: number;
  readonly googleSecret?: string;
  readonly microsoftSecret?: string;
  readonly appleSecret?: string;
  readonly allowTestSignIn?: boolean;
  readonly retainData?: boolean;
}

type Value = string | number | boolean | readonly string[];

/**
 * The values by the names of the template's parameters. Throws if the template has no such parameter or does not allow
 * the value, because CloudFormation does not validate values that are written into the template.
 */
export function parameterValues(template: string, parameters: PushgateParameters): Record<string, string | number> {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  if (given.length === 0) return {};

  const declared = declaredParameters(template);
  return Object.fromEntries(
    given.map(([property, raw]) => {
      const name = property.charAt(0).toUpperCase() + property.slice(1);
      const parameter = declared.get(name);
      if (parameter === undefined) throw new Error(`${property}: the template has no parameter ${name}`);
      const value = toCloudFormation(raw);
      if (!allows(parameter, value)) throw new Error(`${property}: ${name} does not allow "${value}"`);
      return [name, value];
    }),
  );
}

/** Read into a temporary stack, because an included template lacks the parameters that were given. */
function declaredParameters(template: string): Map<string, CfnParameter> {
  const included = new CfnInclude(new Stack(), 'Template', { templateFile: template, allowCyclicalReferences: true });
  const parameters = included.node.findAll().filter((part) => part instanceof CfnParameter);
  return new Map(parameters.map((parameter) => [parameter.node.id, parameter]));
}

/** The value as CloudFormation expects it. A number stays a number, because numeric properties are type-checked. */
function toCloudFormation(value: Value): string | number {
  if (typeof value === 'number') return value;
  return typeof value === 'object' ? value.join(',') : String(value);
}

function allows(parameter: CfnParameter, value: string | number): boolean {
  if (Token.isUnresolved(value)) return true;
  const text = String(value);
  const { allowedPattern, allowedValues } = parameter;
  if (allowedPattern !== undefined && !new RegExp(`^(?:${allowedPattern})$`).test(text)) return false;
  if (allowedValues !== undefined && !allowedValues.map(String).includes(text)) return false;
  if (parameter.type !== 'Number') return within(text.length, parameter.minLength, parameter.maxLength);
  return Number.isFinite(Number(value)) && within(Number(value), parameter.minValue, parameter.maxValue);
}

function within(size: number, min = -Infinity, max = Infinity): boolean {
  return min <= size && size <= max;
}
