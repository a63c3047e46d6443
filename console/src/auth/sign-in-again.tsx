// Asks the user to sign in again, in a popup: what was typed into the page stays.

import { useEffect, useState } from 'preact/hooks';
import { texts } from '../texts.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { cancelReauthentication, popupFailure, preparePopup, reauthentication } from './session.ts';

const WINDOW = 'popup,width=480,height=680';

export function SignInAgainHost() {
  return reauthentication.value && <SignInAgain required={reauthentication.value.required} />;
}

function SignInAgain({ required }: { required: boolean }) {
  const [url, setUrl] = useState('');
  const [state, setState] = useState<'ready' | 'waiting' | 'blocked'>('ready');
  const failed = popupFailure.value;

  useEffect(() => {
    void preparePopup().then(setUrl);
    setState('ready');
  }, [failed]);

  function openPopup() {
    popupFailure.value = null;
    setState(open(url, 'pushgate-sign-in', WINDOW) ? 'waiting' : 'blocked');
  }

  return (
    <Dialog title={texts.session.againTitle} onClose={cancelReauthentication}>
      <p>{required ? texts.session.againRequired : texts.session.againSoon}</p>
      <div role="status">
        {state === 'waiting' && <p class="note">{texts.session.againWaiting}</p>}
        {failed === 'failed' && <p class="note bad">{texts.session.againFailed}</p>}
        {failed === 'other-user' && <p class="note bad">{texts.session.againOther}</p>}
        {state === 'blocked' && (
          <p class="note warn">
            <span>
              {texts.session.againBlocked}{' '}
              <a href={url} target="_blank">
                {texts.session.againLink}
              </a>
            </span>
          </p>
        )}
      </div>
      <DialogButtons>
        <button type="button" class="button" onClick={cancelReauthentication}>
          {required ? texts.common.cancel : texts.session.againLater}
        </button>
        <button type="button" class="button primary" disabled={!url} onClick={openPopup}>
          {texts.session.againButton}
        </button>
      </DialogButtons>
    </Dialog>
  );
}
