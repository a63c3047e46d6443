/** Two templates side by side: how many resources of each type, and every place at which they differ. */
import { functions, type Json, type Template } from './sam';

/** What CDK adds to any stack. */
const OF_CDK = { resource: 'CDKMetadata', parameter: 'BootstrapVersion', rule: 'CheckBootstrapVersion' };

export function withoutCdk(template: Template): Template {
  const { Rules, ...rest } = structuredClone(template);
  delete rest.Resources[OF_CDK.resource];
  delete rest.Parameters?.[OF_CDK.parameter];
  delete Rules?.[OF_CDK.rule];
  return Rules === undefined || Object.keys(Rules).length === 0 ? rest : { ...rest, Rules };
}

/** The template with every function's code at a place that its name alone decides. */
export function withoutCode(template: Template): Template {
  const copy = structuredClone(template);
  for (const [name, resource] of functions(copy)) {
    resource.Properties = { ...resource.Properties, CodeUri: { Bucket: 'code', Key: name } };
  }
  return copy;
}

/** The template with each number and truth value as text, which is the same to CloudFormation. */
export function asText(part: Template): Template {
  return JSON.parse(JSON.stringify(part), (_, value) =>
    typeof value === 'number' || typeof value === 'boolean' ? String(value) : value,
  );
}

/** One line for each type of resource: its name, how many there are on the left, and on the right. */
export function table(left: Template, right: Template): [type: string, left: number, right: number][] {
  const [ofLeft, ofRight] = [left, right].map((template) => {
    const counts = new Map<string, number>();
    for (const { Type } of Object.values(template.Resources)) counts.set(Type, (counts.get(Type) ?? 0) + 1);
    return counts;
  }) as [Map<string, number>, Map<string, number>];
  const types = [...new Set([...ofLeft.keys(), ...ofRight.keys()])].sort();
  return types.map((type) => [type, ofLeft.get(type) ?? 0, ofRight.get(type) ?? 0]);
}

/** Every place, as a JSON Pointer, at which the two differ; the order of fields is none. */
export function differences(left: unknown, right: unknown, place = ''): string[] {
  if (isObject(left) && isObject(right) && Array.isArray(left) === Array.isArray(right)) {
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...names].flatMap((name) => differences(left[name], right[name], `${place}/${name}`));
  }
  return left === right ? [] : [`${place}: ${brief(left)} is not ${brief(right)}`];
}

function isObject(part: unknown): part is { [name: string]: Json } {
  return typeof part === 'object' && part !== null;
}

function brief(part: unknown): string {
  return part === undefined ? 'nothing' : JSON.stringify(part).slice(0, 100);
}
