/** Compares two templates: resource counts by type, and every path at which they differ. */
import { functions, type Json, type Template } from './sam';

/** The additions that CDK makes to every stack. */
const ADDED_BY_CDK = { resource: 'CDKMetadata', parameter: 'BootstrapVersion', rule: 'CheckBootstrapVersion' };

export function withoutCdk(template: Template): Template {
  const { Rules, ...rest } = structuredClone(template);
  delete rest.Resources[ADDED_BY_CDK.resource];
  delete rest.Parameters?.[ADDED_BY_CDK.parameter];
  delete Rules?.[ADDED_BY_CDK.rule];
  return Rules === undefined || Object.keys(Rules).length === 0 ? rest : { ...rest, Rules };
}

/** The template with a code location for each function that depends on its name only. */
export function withoutCode(template: Template): Template {
  const copy = structuredClone(template);
  for (const [name, resource] of functions(copy)) {
    resource.Properties = { ...resource.Properties, CodeUri: { Bucket: 'code', Key: name } };
  }
  return copy;
}

/** The template with numbers and booleans as strings, which CloudFormation treats alike. */
export function asText(part: Template): Template {
  return JSON.parse(JSON.stringify(part), (_, value) =>
    typeof value === 'number' || typeof value === 'boolean' ? String(value) : value,
  );
}

/** The number of resources of each type, in both templates. */
export function resourceCounts(left: Template, right: Template): [type: string, left: number, right: number][] {
  const [ofLeft, ofRight] = [left, right].map((template) => {
    const counts = new Map<string, number>();
    for (const { Type } of Object.values(template.Resources)) counts.set(Type, (counts.get(Type) ?? 0) + 1);
    return counts;
  }) as [Map<string, number>, Map<string, number>];
  const types = [...new Set([...ofLeft.keys(), ...ofRight.keys()])].sort();
  return types.map((type) => [type, ofLeft.get(type) ?? 0, ofRight.get(type) ?? 0]);
}

/** The paths (JSON Pointers) at which the two differ; the order of fields is irrelevant. */
export function differences(left: unknown, right: unknown, path = ''): string[] {
  if (isObject(left) && isObject(right) && Array.isArray(left) === Array.isArray(right)) {
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...names].flatMap((name) => differences(left[name], right[name], `${path}/${name}`));
  }
  return left === right ? [] : [`${path}: ${brief(left)} is not ${brief(right)}`];
}

function isObject(part: unknown): part is { [name: string]: Json } {
  return typeof part === 'object' && part !== null;
}

function brief(part: unknown): string {
  return part === undefined ? 'nothing' : JSON.stringify(part).slice(0, 100);
}
