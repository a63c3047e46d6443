// Creates a channel.

import { useRef, useState } from 'preact/hooks';
import { texts } from '../texts.ts';
import { announce } from '../ui/announce.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { TextField, focusFirstError } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { createChannel } from './requests.ts';

export function CreateChannelDialog({ onClose }: { onClose: () => void }) {
  const [slug, setSlug] = useState('');
  const { busy, failure, run } = useAction();
  const form = useRef<HTMLFormElement>(null);
  const atField = failure?.at('/slug') ?? (failure?.code === 'channel_exists' ? failure.detail : undefined);

  async function submit(event: Event) {
    event.preventDefault();
    const failed = await run(async () => {
      await createChannel(slug.trim());
      announce(texts.channels.created(slug.trim()));
      onClose();
    });
    if (failed) focusFirstError(form.current);
  }

  return (
    <Dialog title={texts.channels.create} onClose={onClose}>
      <form ref={form} noValidate onSubmit={submit}>
        <TextField
          label={texts.channels.slug}
          hint={texts.channels.slugHint}
          value={slug}
          error={atField}
          onInput={setSlug}
          input={{ autofocus: true, spellcheck: false, autocapitalize: 'none' }}
        />
        {!atField && <FailureNote failure={failure} />}
        <DialogButtons>
          <button type="button" class="button" onClick={onClose}>
            {texts.common.cancel}
          </button>
          <button type="submit" class="button primary" aria-disabled={busy}>
            {busy ? texts.channels.submitting : texts.channels.submit}
          </button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
