/** The template that is effectively deployed with given parameters: references and conditions are resolved. */
import type { Json, Template } from './sam';

/** Marker for values that `AWS::NoValue` removes. */
const NOTHING = Symbol('AWS::NoValue');
type Value = Json | typeof NOTHING;

/**
 * The template with `parameters`, or defaults, in place of references. Throws if a parameter has no value, or if a
 * condition depends on more than parameters.
 */
export function effective(template: Template, parameters: Record<string, string | number> = {}): Template {
  const { Parameters, Conditions, ...rest } = structuredClone(template);
  const values = new Map<string, Json>();
  for (const [name, { Default }] of Object.entries(Parameters ?? {})) {
    const value = parameters[name] ?? Default;
    if (value === undefined) throw new Error(`${name} has no value`);
    values.set(name, value);
  }
  const evaluation = new Evaluation(values, Conditions ?? {});

  for (const section of [rest.Resources, rest.Outputs ?? {}] as { [name: string]: { [attribute: string]: Json } }[]) {
    for (const [name, { Condition }] of Object.entries(section)) {
      if (typeof Condition === 'string' && !evaluation.holds({ Condition })) delete section[name];
      else delete section[name]?.['Condition'];
    }
  }
  return evaluation.of(rest as unknown as Json) as unknown as Template;
}

class Evaluation {
  constructor(
    private readonly values: Map<string, Json>,
    private readonly conditions: { [name: string]: Json },
  ) {}

  of(part: Json): Value {
    if (Array.isArray(part)) return part.map((item) => this.of(item)).filter((item) => item !== NOTHING);
    if (part === null || typeof part !== 'object') return part;
    const [intrinsic, argument] = onlyField(part);
    switch (intrinsic) {
      case 'Ref':
        if (argument === 'AWS::NoValue') return NOTHING;
        return this.values.get(argument as string) ?? part;
      case 'Fn::Sub':
        return this.substitute(argument as Json);
      case 'Fn::If': {
        const [Condition, then, otherwise] = argument as [string, Json, Json];
        return this.of(this.holds({ Condition }) ? then : otherwise);
      }
    }
    const fields = Object.entries(part).map(([name, value]): [string, Value] => [name, this.of(value)]);
    return Object.fromEntries(fields.filter((field): field is [string, Json] => field[1] !== NOTHING));
  }

  holds(condition: Json): boolean {
    const [intrinsic, argument] = onlyField(condition as { [key: string]: Json });
    switch (intrinsic) {
      case 'Condition': {
        const named = this.conditions[argument as string];
        if (named === undefined) throw new Error(`no condition ${argument}`);
        return this.holds(named);
      }
      case 'Fn::Not':
        return !this.holds((argument as [Json])[0]);
      case 'Fn::And':
        return (argument as Json[]).every((part) => this.holds(part));
      case 'Fn::Or':
        return (argument as Json[]).some((part) => this.holds(part));
      case 'Fn::Equals': {
        const [left, right] = (argument as Json[]).map((side) => this.of(side));
        if (typeof left === 'object' || typeof right === 'object') break;
        return String(left) === String(right);
      }
    }
    throw new Error(`cannot be evaluated: ${JSON.stringify(condition)}`);
  }

  private substitute(argument: Json): Json {
    type Sub = [text: string, variables: { [name: string]: Json }];
    const [text, variables] = (Array.isArray(argument) ? argument : [argument, {}]) as Sub;
    const known = text.replace(/\$\{([^!}]+)\}/g, (whole, name) =>
      name in variables ? whole : String(this.values.get(name) ?? whole),
    );
    if (Array.isArray(argument)) return { 'Fn::Sub': [known, this.of(variables) as Json] };
    return known.includes('${') ? { 'Fn::Sub': known } : known;
  }
}

/** The name and value of the only field of an object, if it has exactly one. */
function onlyField(part: { [key: string]: Json }): [string, Json] | [undefined, undefined] {
  const [first, ...others] = Object.entries(part);
  return first !== undefined && others.length === 0 ? first : [undefined, undefined];
}
