// The console: which page is shown, and the dialogs that stay open whatever page is.

import { useEffect, useRef } from 'preact/hooks';
import { isAdmin, loadMe, me, meFailure } from './account.ts';
import { ActivityPage } from './activity/activity-page.tsx';
import { Centered, NobodyPage, SessionPage } from './auth/session-pages.tsx';
import { sessionState } from './auth/session.ts';
import { SignInAgainHost } from './auth/sign-in-again.tsx';
import { ChannelsPage } from './channels/channels-page.tsx';
import { Frame } from './frame.tsx';
import { CreateDialogHost, openCreate } from './keys/create-dialog.tsx';
import { KeyPage } from './keys/key-page.tsx';
import { KeysPage } from './keys/keys-page.tsx';
import { RevealDialogHost } from './keys/reveal-dialog.tsx';
import { PushPage } from './pushes/push-page.tsx';
import { PushesPage } from './pushes/pushes-page.tsx';
import { href, replaceRoute, route } from './router.ts';
import { ShortcutHelpHost } from './shortcut-help.tsx';
import { texts } from './texts.ts';
import { FailureNote } from './ui/failure-note.tsx';
import { Page } from './ui/page.tsx';

export function App() {
  const state = sessionState.value;
  useEffect(() => {
    if (state === 'signed-in') void loadMe();
  }, [state]);
  if (state !== 'signed-in') return <SessionPage state={state} />;
  return (
    <>
      <Account />
      <SignInAgainHost />
    </>
  );
}

function Account() {
  const failure = meFailure.value;
  if (failure?.code === 'no_account') return <NobodyPage />;
  if (failure) {
    return (
      <Centered title={texts.product}>
        <FailureNote failure={failure} onRetry={loadMe} />
      </Centered>
    );
  }
  if (!me.value) return <SessionPage state="starting" />;
  return (
    <>
      <Frame>
        <CurrentPage />
      </Frame>
      <CreateDialogHost />
      <RevealDialogHost />
      <ShortcutHelpHost />
    </>
  );
}

function CurrentPage() {
  const { path, query } = route.value;
  const [page = 'keys', id] = path;
  useFocusOnNewPage(path.join('/'));
  const isLinkToCreate = page === 'keys' && id === 'new';

  useEffect(() => {
    if (!isLinkToCreate) return;
    replaceRoute(href('keys'));
    if (isAdmin.value) openCreate(query);
  }, [isLinkToCreate]);

  if (page === 'keys') return id && !isLinkToCreate ? <KeyPage key={id} id={id} /> : <KeysPage />;
  if (page === 'channels') return <ChannelsPage />;
  if (page === 'pushes') return id ? <PushPage key={id} id={id} /> : <PushesPage />;
  if (page === 'activity') return <ActivityPage />;
  return (
    <Page title={texts.navigation.notFound}>
      <a href={href('keys')}>{texts.navigation.toKeys}</a>
    </Page>
  );
}

/** Another page begins at its heading, for the keyboard and for screen readers. */
function useFocusOnNewPage(path: string) {
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    scrollTo(0, 0);
    document.querySelector<HTMLElement>('h1')?.focus();
  }, [path]);
}
