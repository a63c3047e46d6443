import './style/tokens.css';
import './style/base.css';
import './style/controls.css';
import './style/layout.css';
import './style/tables.css';
import './style/dialogs.css';
import './style/details.css';
import './style/print.css';

import { render } from 'preact';
import { App } from './app.tsx';
import { startSession } from './auth/session.ts';
import { watchForNewVersion } from './new-version.ts';
import { listenForRoutes } from './router.ts';
import { listenForShortcuts } from './shortcuts.ts';
import { listenForEscape } from './ui/time.tsx';

listenForRoutes();
listenForShortcuts();
listenForEscape();
watchForNewVersion();
void startSession();

const root = document.getElementById('app');
if (root) render(<App />, root);
