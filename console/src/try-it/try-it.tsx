// Subscribes a receiver and sends it a push, to see the whole way with one's own eyes.

import { useEffect, useState } from 'preact/hooks';
import type { Explanation, Key } from '../api/types.ts';
import { channels, loadChannels } from '../channels/channel-list.ts';
import { config } from '../config.ts';
import { explain } from '../keys/explain.tsx';
import { getPush } from '../pushes/requests.ts';
import { texts } from '../texts.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { Select, TextField } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { thisBrowser } from './browser.ts';
import type { SecretSource } from './key-requests.ts';
import { type Receiver, Unavailable } from './receiver.ts';
import { testBrowser } from './test-browser.ts';
import { Trial } from './trial.ts';

const POLL_MS = 1000;
const WAIT_MS = 20_000;

export function TryItDialog({ of: key, onClose }: { of: Key; onClose: () => void }) {
  return (
    <Dialog title={texts.tryIt.title} onClose={onClose}>
      <TryIt of={key} secret={null} />
      <DialogButtons>
        <button type="button" class="button" onClick={onClose}>
          {texts.common.close}
        </button>
      </DialogButtons>
    </Dialog>
  );
}

export function TryIt({ of: key, secret }: { of: Key; secret: SecretSource | null }) {
  const { failure } = useLoaded(loadChannels, []);
  const slugs = key.scope === 'channels' ? key.channels : channels.value?.map(({ slug }) => slug);
  const [chosen, setChosen] = useState('');
  const [trial, setTrial] = useState<Trial | null>(null);
  const channel = chosen || slugs?.[0];

  useEffect(() => {
    if (trial) return () => void trial.cleanUp();
  }, [trial]);

  if (failure) return <FailureNote failure={failure} />;
  if (!slugs) return null;
  if (!channel) return <p class="note warn">{texts.tryIt.noChannels}</p>;
  return (
    <div class="try-it">
      <p>{texts.tryIt.intro}</p>
      {trial ? (
        <Send trial={trial} />
      ) : (
        <>
          {slugs.length > 1 && (
            <Select
              label={texts.tryIt.channel}
              value={channel}
              options={slugs.map((slug) => [slug, slug] as const)}
              onChange={setChosen}
            />
          )}
          {Trial.needsHelper(key, secret) && <p class="hint">{texts.tryIt.helper}</p>}
          <Subscribe start={(receiver) => new Trial(key, secret, channel, receiver)} onSubscribed={setTrial} />
        </>
      )}
    </div>
  );
}

interface SubscribeProps {
  start: (receiver: Receiver) => Trial;
  onSubscribed: (trial: Trial) => void;
}

function Subscribe({ start, onSubscribed }: SubscribeProps) {
  const [unavailable, setUnavailable] = useState('');
  const { busy, failure, run } = useAction();

  const subscribe = (receiver: Receiver) =>
    run(async () => {
      setUnavailable('');
      const trial = start(receiver);
      try {
        await trial.subscribe();
        onSubscribed(trial);
      } catch (error) {
        await trial.cleanUp();
        if (!(error instanceof Unavailable)) throw error;
        setUnavailable(error.message);
      }
    });

  return (
    <>
      <div class="button-row">
        <button type="button" class="button primary" aria-disabled={busy} onClick={() => subscribe(thisBrowser)}>
          {busy ? texts.tryIt.subscribing : texts.tryIt.subscribe}
        </button>
        {config.test_browser && (
          <button
            type="button"
            class="button"
            aria-disabled={busy}
            onClick={() => subscribe(testBrowser(config.test_browser ?? ''))}
          >
            {texts.tryIt.useTestBrowser}
          </button>
        )}
      </div>
      {config.test_browser && <p class="hint">{texts.tryIt.testBrowser}</p>}
      <div role="status">{unavailable && <p class="note warn">{unavailable}</p>}</div>
      <FailureNote failure={failure} />
    </>
  );
}

type Outcome =
  | { state: 'waiting' | 'late' | 'delivered' | 'failed' | 'canceled' }
  | { state: 'arrived'; seconds: string };

function Send({ trial }: { trial: Trial }) {
  const [title, setTitle] = useState<string>(texts.tryIt.sample);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const { busy, failure, run } = useAction();
  const { value: reach } = useLoaded<Explanation>(() => explain(trial.senderId, trial.channel), [trial]);

  const send = () =>
    run(async () => {
      setOutcome(null);
      const started = Date.now();
      const id = await trial.send(title);
      setOutcome({ state: 'waiting' });
      await follow(id, started);
    });

  async function follow(id: string, started: number) {
    while (Date.now() - started < WAIT_MS) {
      const at = await trial.arrivalOf(id);
      if (at !== undefined) {
        setOutcome({ state: 'arrived', seconds: ((at - started) / 1000).toFixed(1) });
        return;
      }
      const { status, counts } = await getPush(id);
      if (status === 'canceled' || (status === 'done' && counts.delivered === 0)) {
        setOutcome({ state: status === 'canceled' ? 'canceled' : 'failed' });
        return;
      }
      if (status === 'done') setOutcome({ state: 'delivered' });
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    setOutcome({ state: 'late' });
  }

  const recipients = reach?.recipients;
  return (
    <>
      <p class="note good">{texts.tryIt.subscribed}</p>
      {trial.receiver.page && (
        <p>
          <a href={trial.receiver.page} target="_blank" rel="noreferrer">
            {texts.tryIt.openTestBrowser}
          </a>
        </p>
      )}
      <TextField label={texts.tryIt.message} value={title} onInput={setTitle} />
      {recipients && <p class="hint">{texts.tryIt.reach(recipients.count, recipients.exact)}</p>}
      <button type="button" class="button primary" aria-disabled={busy} onClick={send}>
        {busy
          ? texts.tryIt.sending
          : recipients && recipients.count > 1
            ? texts.tryIt.sendTo(recipients.count)
            : texts.tryIt.send}
      </button>
      <div role="status">
        {outcome && <p class={outcome.state === 'arrived' ? 'note good' : 'note'}>{outcomeText(outcome)}</p>}
      </div>
      <FailureNote failure={failure} />
    </>
  );
}

function outcomeText(outcome: Outcome): string {
  if (outcome.state === 'arrived') return texts.tryIt.arrived(outcome.seconds);
  return {
    waiting: texts.tryIt.sent,
    late: texts.tryIt.late,
    delivered: texts.tryIt.delivered,
    failed: texts.tryIt.failed,
    canceled: texts.tryIt.canceled,
  }[outcome.state];
}
