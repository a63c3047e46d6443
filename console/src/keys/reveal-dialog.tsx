// Shows a secret, once. Only "I have saved the key" leaves it, and then the secret is nowhere in the page.

import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Key, KeyWithSecret } from '../api/types.ts';
import { texts } from '../texts.ts';
import { TryIt } from '../try-it/try-it.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { SendSnippets, WebPageSnippet } from './snippets.tsx';

/** Holds the secret, so that emptying it here is enough: everything else reads it from here. */
export interface SecretHolder {
  secret: string;
}

interface Reveal {
  of: 'created' | 'rotated';
  key: Key;
  holder: SecretHolder;
}

const revealed = signal<Reveal | null>(null);

export function reveal(of: Reveal['of'], { key, secret }: KeyWithSecret): void {
  revealed.value = { of, key, holder: { secret } };
}

export function RevealDialogHost() {
  return (
    revealed.value && (
      <RevealDialog
        of={revealed.value.of}
        subject={revealed.value.key}
        holder={revealed.value.holder}
        onSaved={forget}
      />
    )
  );
}

function forget(): void {
  if (revealed.value) revealed.value.holder.secret = '';
  revealed.value = null;
  // The selection and the opener: nothing keeps the text, and the focus is where the user began.
  getSelection()?.removeAllRanges();
  setTimeout(() => document.getElementById('create-key')?.focus());
}

function RevealDialog({
  of,
  subject: key,
  holder,
  onSaved,
}: Omit<Reveal, 'key'> & { subject: Key; onSaved: () => void }) {
  const source = useRef<HTMLElement>(null);
  const [trying, setTrying] = useState(false);
  useLeaveGuard();

  const sends = key.permissions.includes('PushNotifications/Send');
  const secret = () => holder.secret;
  return (
    <Dialog wide title={of === 'created' ? texts.reveal.created(key.name) : texts.reveal.rotated(key.name)}>
      <p>{texts.reveal.once}</p>
      <div class="secret">
        <code ref={source} id="secret" class="no-print" tabIndex={0} aria-label={texts.reveal.secret}>
          {holder.secret}
        </code>
        <CopyButton primary label={texts.reveal.copy} text={secret} source={source} />
      </div>
      <h3>{texts.reveal.use}</h3>
      <div class="no-print">
        {sends ? <SendSnippets secret={secret} /> : <WebPageSnippet secret={secret} channels={key.channels} />}
      </div>
      {trying ? (
        <TryIt of={key} secret={secret} />
      ) : (
        <button type="button" class="button" onClick={() => setTrying(true)}>
          {texts.reveal.tryIt}
        </button>
      )}
      <p class="hint">{texts.reveal.restricted}</p>
      <DialogButtons>
        <button type="button" class="button primary" onClick={onSaved}>
          {texts.reveal.saved}
        </button>
      </DialogButtons>
    </Dialog>
  );
}

/** The browser asks before the page is left or reloaded. */
function useLeaveGuard() {
  useEffect(() => {
    const guard = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', guard);
    return () => removeEventListener('beforeunload', guard);
  }, []);
}
