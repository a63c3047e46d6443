// Chooses the channels of a key, among thousands if need be, and creates a missing one on the way.

import { useState } from 'preact/hooks';
import { createChannel } from '../channels/requests.ts';
import { channels, loadChannels } from '../channels/channel-list.ts';
import { texts } from '../texts.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { Choice, FieldGroup, TextField } from '../ui/field.tsx';
import { Icon } from '../ui/icons.tsx';
import { Skeleton } from '../ui/skeleton.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';

const MAX_SHOWN = 100;
const SLUG = /^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/;

interface Props {
  chosen: string[];
  onChange: (chosen: string[]) => void;
  error?: string;
  /** The chosen channels that do not exist any longer. */
  unknown: string[];
}

export function ChannelPicker({ chosen, onChange, error, unknown }: Props) {
  const [filter, setFilter] = useState('');
  const { failure, reload } = useLoaded(loadChannels, []);
  const slugs = channels.value?.map((channel) => channel.slug);
  const found = (slugs ?? []).filter((slug) => slug.includes(filter));

  const toggle = (slug: string, checked: boolean) =>
    onChange(checked ? [...chosen, slug] : chosen.filter((it) => it !== slug));

  return (
    <FieldGroup legend={texts.form.channels} error={error}>
      {chosen.length > 0 && (
        <ul class="plain-list chips" aria-label={texts.form.channelsChosen(chosen.length)}>
          {chosen.map((slug) => (
            <li key={slug} class={unknown.includes(slug) ? 'chip bad' : 'chip'}>
              {slug}
              <button
                type="button"
                class="chip-remove"
                aria-label={texts.common.remove(slug)}
                onClick={() => toggle(slug, false)}
              >
                <Icon name="close" />
              </button>
              {unknown.includes(slug) && <span class="visually-hidden">{texts.form.channelUnknown}</span>}
            </li>
          ))}
        </ul>
      )}
      {unknown.length > 0 && <p class="field-error">{texts.form.channelUnknown}</p>}
      <TextField
        label={texts.form.channelsFilter}
        value={filter}
        onInput={(text) => setFilter(text.trim().toLowerCase())}
      />
      {failure && <FailureNote failure={failure} onRetry={reload} />}
      {!slugs && !failure && <Skeleton lines={2} />}
      {slugs && (
        <div class="picker">
          {found.slice(0, MAX_SHOWN).map((slug) => (
            <Choice
              key={slug}
              type="checkbox"
              label={slug}
              checked={chosen.includes(slug)}
              onChange={(checked) => toggle(slug, checked)}
            />
          ))}
          {found.length > MAX_SHOWN && <p class="hint">{texts.form.channelsMore(found.length - MAX_SHOWN)}</p>}
          {found.length === 0 && !filter && <p class="hint">{texts.form.channelsNone}</p>}
          {found.length === 0 && filter && <p class="hint">{texts.form.channelsNoMatch}</p>}
          <NewChannel
            slug={filter}
            known={slugs}
            onCreated={(slug) => {
              setFilter('');
              toggle(slug, true);
            }}
          />
        </div>
      )}
    </FieldGroup>
  );
}

function NewChannel({ slug, known, onCreated }: { slug: string; known: string[]; onCreated: (slug: string) => void }) {
  const { busy, failure, run } = useAction();
  if (!SLUG.test(slug) || known.includes(slug)) return null;

  const create = () =>
    run(async () => {
      await createChannel(slug);
      onCreated(slug);
    });

  return (
    <>
      <button type="button" class="button small" disabled={busy} onClick={create}>
        <Icon name="plus" />
        {texts.form.channelCreate(slug)}
      </button>
      <FailureNote failure={failure} />
    </>
  );
}
