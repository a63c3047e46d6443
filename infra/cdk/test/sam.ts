/** SAM templates: read, translated with AWS's own translator, and written as `sam build` writes them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Resource {
  Type: string;
  Properties?: { [name: string]: Json };
  Metadata?: { [name: string]: Json };
}

export interface Template {
  Resources: { [logicalId: string]: Resource };
  Parameters?: { [name: string]: { [attribute: string]: Json } };
  Conditions?: { [name: string]: Json };
  Outputs?: { [name: string]: { [attribute: string]: Json } };
  Rules?: { [name: string]: Json };
}

/** This package's folder; the compiled file is in dist/test. */
export const PACKAGE = join(__dirname, '../..');
const PYTHON = join(PACKAGE, '../../.tools/venv/bin/python');

export function read(path: string): Template {
  return sam(['read', path]);
}

export function translate(template: Template, parameters: Record<string, string | number> = {}): Template {
  return sam(['translate'], JSON.stringify({ template, parameters }));
}

export function functions(template: Template): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, { Type }]) => Type === 'AWS::Serverless::Function');
}

/** Writes the template with a code folder for each function; its bootstrap file contains only the function's name. */
export function stubBuild(source: Template, folder: string): string {
  const built = structuredClone(source);
  for (const [name, resource] of functions(built)) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'bootstrap'), name, { mode: 0o755 });
    resource.Properties = { ...resource.Properties, CodeUri: name };
  }
  const path = join(folder, 'template.yaml');
  writeFileSync(path, JSON.stringify(built));
  return path;
}

function sam(args: string[], input?: string): Template {
  const options = { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
  return JSON.parse(execFileSync(PYTHON, [join(PACKAGE, 'test/sam.py'), ...args], options));
}
