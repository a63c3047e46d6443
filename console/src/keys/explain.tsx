// "May this key send to …?", answered by the rules of the real send.

import { useState } from 'preact/hooks';
import { client, request } from '../api/client.ts';
import type { Explanation, Key } from '../api/types.ts';
import { channels, loadChannels } from '../channels/channel-list.ts';
import { texts } from '../texts.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { Select } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';

const EVERYTHING = '';

/** What a send to the channel, or to everything that the key reaches, would do. */
export function explain(id: string, channel: string): Promise<Explanation> {
  const body = { title: texts.snippets.sample, ...(channel && { target: { channels: [channel] } }) };
  return request(() => client.POST('/keys/{id}/explain', { params: { path: { id } }, body }));
}

export function Explain({ of: key }: { of: Key }) {
  const [channel, setChannel] = useState(EVERYTHING);
  const [explanation, setExplanation] = useState<Explanation | null>(null);
  const { busy, failure, run } = useAction();
  useLoaded(loadChannels, []);

  const slugs = channels.value?.map(({ slug }) => slug) ?? key.channels;
  return (
    <form
      class="explain"
      onSubmit={(event) => {
        event.preventDefault();
        void run(async () => setExplanation(await explain(key.id, channel)));
      }}
    >
      <p class="muted">{texts.explain.description}</p>
      <div class="inline-form">
        <Select
          label={texts.explain.target}
          value={channel}
          options={[[EVERYTHING, texts.explain.everything], ...slugs.map((slug) => [slug, slug] as const)]}
          onChange={(chosen) => {
            setChannel(chosen);
            setExplanation(null);
          }}
        />
        <button type="submit" class="button" aria-disabled={busy}>
          {texts.explain.submit}
        </button>
      </div>
      <div role="status">{explanation && <Answer explanation={explanation} />}</div>
      <FailureNote failure={failure} />
    </form>
  );
}

function Answer({ explanation: { decision, recipients } }: { explanation: Explanation }) {
  return (
    <p class={decision.allow ? 'note good' : 'note bad'}>
      <strong>{decision.allow ? texts.explain.yes : texts.explain.no}</strong> {texts.explain.rules[decision.rule]}{' '}
      {decision.allow && texts.explain.recipients(recipients.count, recipients.exact)}
    </p>
  );
}
