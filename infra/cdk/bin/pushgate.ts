/** The CDK app that deploys one Pushgate, with the properties under `pushgate` in cdk.json. */
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Pushgate, type PushgateParameters } from '../lib/pushgate';

const app = new App();
// Relative to dist/bin, where the compiled file is.
const built = join(__dirname, '../../../../.aws-sam/build/template.yaml');
const properties: Partial<PushgateParameters> | undefined = app.node.tryGetContext('pushgate');
new Pushgate(new Stack(app, 'Pushgate'), 'Pushgate', { template: built, ...properties });
