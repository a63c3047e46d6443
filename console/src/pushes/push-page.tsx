// One push: whom it was for, and how far its delivery is.

import { useEffect, useState } from 'preact/hooks';
import { isAdmin } from '../account.ts';
import type { Push } from '../api/types.ts';
import { formatNumber } from '../format.ts';
import { href, keyHref } from '../router.ts';
import { texts } from '../texts.ts';
import { Fact, Facts } from '../ui/facts.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { Icon } from '../ui/icons.tsx';
import { Page } from '../ui/page.tsx';
import { Skeleton } from '../ui/skeleton.tsx';
import { Time } from '../ui/time.tsx';
import { useLoaded } from '../ui/use-loaded.ts';
import { AudienceText } from './audience.tsx';
import { CancelPushDialog } from './cancel-push-dialog.tsx';
import { PushStatus, isCancelable } from './push-status.tsx';
import { getPush } from './requests.ts';

const REFRESH_MS = 2000;

const back = { href: href('pushes'), label: texts.push.back };

export function PushPage({ id }: { id: string }) {
  const { value: push, failure, reload, set } = useLoaded(() => getPush(id), [id]);
  const [canceling, setCanceling] = useState(false);

  useEffect(() => {
    if (!push || push.finished_at !== null) return;
    const timer = setTimeout(reload, REFRESH_MS);
    return () => clearTimeout(timer);
  }, [push, reload]);

  if (failure?.status === 404) {
    return (
      <Page title={texts.push.notFoundTitle} back={back}>
        <p>{texts.push.notFound}</p>
      </Page>
    );
  }
  const showCanceled = (canceled: Push) => {
    set(canceled);
    // Drops the answer of a request that was sent before.
    reload();
  };
  const cancel = isAdmin.value && push && isCancelable(push) && (
    <button type="button" class="button danger" onClick={() => setCanceling(true)}>
      <Icon name="close" />
      {texts.cancelPush.submit}
    </button>
  );
  return (
    <Page title={texts.push.title} back={back} badge={push && <PushStatus of={push} />} actions={cancel}>
      <FailureNote failure={failure} onRetry={reload} />
      {!push && !failure && <Skeleton />}
      {push && <PushDetails of={push} />}
      {push && canceling && (
        <CancelPushDialog of={push} onClose={() => setCanceling(false)} onCanceled={showCanceled} />
      )}
    </Page>
  );
}

function PushDetails({ of: push }: { of: Push }) {
  const words = texts.push;
  const { recipients, delivered, gone, failed } = push.counts;
  const withResult = delivered + gone + failed;
  const finished = push.finished_at !== null;
  const max = Math.max(1, recipients);
  return (
    <>
      <div class="numbers">
        <Count label={words.recipients} value={recipients} />
        <Count label={words.delivered} value={delivered} hint={words.deliveredHint} />
        <Count label={words.gone} value={gone} hint={words.goneHint} />
        <Count label={words.failed} value={failed} hint={words.failedHint} />
      </div>
      <section class="card section">
        <label class="progress">
          <span>{words.progressText(withResult, recipients)}</span>
          <progress max={max} value={finished ? max : withResult} />
        </label>
        <ProgressHint of={push} />
        <Facts>
          <Fact term={words.key}>
            <a href={keyHref(push.key.id)}>
              <bdi>{push.key.name}</bdi>
            </a>
          </Fact>
          <Fact term={words.audience}>
            <AudienceText of={push.audience} all />
          </Fact>
          <Fact term={words.created}>
            <Time at={push.created_at} />
          </Fact>
          <Fact term={words.finished}>
            {push.finished_at ? (
              <>
                <Time at={push.finished_at} /> {words.took(duration(push.created_at, push.finished_at))}
              </>
            ) : (
              words.notFinished
            )}
          </Fact>
          <Fact term={words.id}>
            <code>{push.id}</code>
          </Fact>
        </Facts>
      </section>
    </>
  );
}

function ProgressHint({ of: { status, finished_at } }: { of: Push }) {
  if (status === 'done') return null;
  if (status !== 'canceled') return <p class="muted">{texts.push.updating}</p>;
  return <p class="muted">{finished_at === null ? texts.push.canceling : texts.push.canceled}</p>;
}

function Count({ label, value, hint }: { label: string; value: number; hint?: string }) {
  return (
    <div class="card count">
      <div class="count-label">{label}</div>
      <div class="count-value">{formatNumber(value)}</div>
      {hint && <div class="hint">{hint}</div>}
    </div>
  );
}

function duration(from: string, to: string): string {
  return texts.push.seconds(((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1));
}
