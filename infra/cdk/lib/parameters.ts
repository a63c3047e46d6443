/** The template's parameters as typed properties, held to the rules that the template itself states for them. */
import { CfnParameter, Stack, Token } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';

/**
 * The template's parameters, each in camel case; the template describes them.
 *
 * What is given is written into the template, so a change takes effect with the next deployment. What is left out stays
 * a parameter of the stack, with the template's default.
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
  readonly googleSecret?: string;
  readonly microsoftSecret?: string;
  readonly appleSecret?: string;
  readonly retainData?: boolean;
}

type Value = string | number | boolean | readonly string[];

/**
 * The values by the names that the template gives its parameters. Fails if the template has no such parameter, or its
 * parameter does not allow the value: CloudFormation, which is not asked for what is written in, would have refused it.
 */
export function parameterValues(template: string, parameters: PushgateParameters): Record<string, string | number> {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  if (given.length === 0) return {};

  const declared = declaredParameters(template);
  return Object.fromEntries(
    given.map(([property, given]) => {
      const name = property.charAt(0).toUpperCase() + property.slice(1);
      const parameter = declared.get(name);
      if (parameter === undefined) throw new Error(`${property}: the template has no parameter ${name}`);
      const value = plain(given);
      if (!allows(parameter, value)) throw new Error(`${property}: ${name} does not allow "${value}"`);
      return [name, value];
    }),
  );
}

/** Read into a stack that is thrown away, since an included template no longer has the parameters that it was given. */
function declaredParameters(template: string): Map<string, CfnParameter> {
  const included = new CfnInclude(new Stack(), 'Template', { templateFile: template, allowCyclicalReferences: true });
  const parameters = included.node.findAll().filter((part) => part instanceof CfnParameter);
  return new Map(parameters.map((parameter) => [parameter.node.id, parameter]));
}

/** As CloudFormation writes it; a number stays one, because properties that take numbers are checked for it. */
function plain(value: Value): string | number {
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

function within(size: number, least = -Infinity, most = Infinity): boolean {
  return least <= size && size <= most;
}
