/** Runs `cdk synth` as a user does: the CLI, this package's app, and properties in cdk.json. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PushgateParameters } from '../lib/pushgate';
import { PACKAGE, type Template } from './sam';

export interface Synthesis {
  /** The output folder; the caller removes it. */
  readonly folder: string;
  readonly template: Template;
  /** The findings of CDK's validation. */
  readonly findings: readonly string[];
  /** The folder of the asset that is uploaded under this key. */
  asset(key: string): string | undefined;
}

interface Asset {
  readonly source: { readonly path: string };
  readonly destinations: { readonly [name: string]: { readonly objectKey: string } };
}

interface Report {
  readonly violations: readonly { readonly ruleName: string; readonly description: string }[];
}

export function synthesize(template: string, parameters: PushgateParameters = {}): Synthesis {
  const folder = mkdtempSync(join(tmpdir(), 'pushgate-cdk-synth-'));
  const settings = JSON.parse(readFileSync(join(PACKAGE, 'cdk.json'), 'utf8'));
  settings.app = `"${process.execPath}" "${join(PACKAGE, 'dist/bin/pushgate.js')}"`;
  settings.context = { ...settings.context, pushgate: { template, ...parameters } };
  writeFileSync(join(folder, 'cdk.json'), JSON.stringify(settings));

  const { PATH } = process.env;
  execFileSync(join(PACKAGE, 'node_modules/.bin/cdk'), ['synth', '--quiet', '--no-notices', '--output', 'out'], {
    cwd: folder,
    stdio: 'pipe',
    // Without account, region and profile: the synthesis needs none.
    env: { PATH, HOME: folder, CDK_DISABLE_CLI_TELEMETRY: 'true' },
  });

  const out = (name: string) => JSON.parse(readFileSync(join(folder, 'out', name), 'utf8'));
  const assets: Asset[] = Object.values(out('Pushgate.assets.json').files);
  const reports: Report[] = out('validation-report.json').pluginReports;
  return {
    folder,
    template: out('Pushgate.template.json'),
    findings: reports.flatMap(({ violations }) => violations).map((found) => `${found.ruleName}: ${found.description}`),
    asset(key) {
      const isUnderKey = ({ objectKey }: { objectKey: string }) => objectKey === key;
      const asset = assets.find(({ destinations }) => Object.values(destinations).some(isUnderKey));
      return asset && join(folder, 'out', asset.source.path);
    },
  };
}
