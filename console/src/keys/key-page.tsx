// One key: what it is, what it may do, how it is used, and what was done to it.

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { isAdmin } from '../account.ts';
import { client, request } from '../api/client.ts';
import type { Key } from '../api/types.ts';
import { onChange } from '../changes.ts';
import { now } from '../clock.ts';
import { formatExact, formatRelative } from '../format.ts';
import { PushTable } from '../pushes/push-table.tsx';
import { go, href } from '../router.ts';
import { texts } from '../texts.ts';
import { TryItDialog } from '../try-it/try-it.tsx';
import { ActorName, actorName } from '../ui/actor.tsx';
import { Fact, Facts } from '../ui/facts.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { Icon } from '../ui/icons.tsx';
import { Page } from '../ui/page.tsx';
import { Skeleton } from '../ui/skeleton.tsx';
import { Time } from '../ui/time.tsx';
import { useLoaded } from '../ui/use-loaded.ts';
import { ActiveSwitch } from './active-switch.tsx';
import { DeleteDialog } from './delete-dialog.tsx';
import { EditDialog } from './edit-dialog.tsx';
import { Explain } from './explain.tsx';
import { limitsText } from './field-values.ts';
import { KeyHistory } from './history.tsx';
import { getKey } from './requests.ts';
import { RotateDialog } from './rotate-dialog.tsx';
import { Permissions, ScopeText } from './scope.tsx';
import { SendSnippets, WebPageSnippet } from './snippets.tsx';
import { isRotating } from './status.ts';
import { StatusBadge } from './status-badge.tsx';
import { UsageChart } from './usage.tsx';

const back = { href: href('keys'), label: texts.key.back };

export function KeyPage({ id }: { id: string }) {
  const { value: key, failure, reload } = useLoaded(() => getKey(id), [id]);

  useEffect(() => onChange('keys', reload), [reload]);
  useEffect(() => {
    // The tab may have been in the background for hours.
    const refresh = () => document.visibilityState === 'visible' && reload();
    document.addEventListener('visibilitychange', refresh);
    return () => document.removeEventListener('visibilitychange', refresh);
  }, [reload]);

  if (failure?.status === 404) return <NoSuchKey id={id} />;
  if (!key) {
    return (
      <Page title={texts.keys.title} back={back}>
        {failure ? <FailureNote failure={failure} onRetry={reload} /> : <Skeleton lines={8} />}
      </Page>
    );
  }
  return (
    <>
      <FailureNote failure={failure} onRetry={reload} />
      <KeyDetails of={key} onChanged={reload} />
    </>
  );
}

/** A key that was deleted still has its history, which says by whom. */
function NoSuchKey({ id }: { id: string }) {
  const { value: deletion } = useLoaded(async () => {
    const params = { path: { id }, query: { limit: 1 } };
    const page = await request(() => client.GET('/keys/{id}/history', { params }));
    return page.events.find((event) => event.action === 'deleted') ?? null;
  }, [id]);
  return (
    <Page title={texts.key.notFoundTitle} back={back}>
      <p role="status">
        {deletion
          ? texts.failure.deletedBy(actorName(deletion.by), formatRelative(deletion.at, now.value))
          : texts.key.notFound}
      </p>
      {deletion && <KeyHistory id={id} version="" />}
    </Page>
  );
}

type OpenDialog = 'edit' | 'rotate' | 'delete' | 'try' | null;

function KeyDetails({ of: key, onChanged }: { of: Key; onChanged: () => void }) {
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const close = () => setDialog(null);

  return (
    <Page
      title={key.name}
      back={back}
      badge={<StatusBadge of={key} />}
      actions={isAdmin.value && <Actions of={key} onOpen={setDialog} onChanged={onChanged} />}
    >
      <RotationBanner of={key} />
      <div class="columns">
        <div>
          <Section title={texts.key.usage}>
            <UsageChart usage={key.usage} />
          </Section>
          <Section title={texts.key.pushes}>
            <PushTable keyId={key.id} keyVersion={key.etag} />
          </Section>
          {isAdmin.value && (
            <Section title={texts.explain.title}>
              <Explain of={key} />
            </Section>
          )}
          <Use of={key} />
        </div>
        <div>
          <Section title={texts.key.overview}>
            <Overview of={key} />
          </Section>
          <Section title={texts.key.history}>
            <KeyHistory id={key.id} version={key.etag} />
          </Section>
        </div>
      </div>
      {dialog === 'edit' && <EditDialog opened={key} onClose={close} onSaved={onChanged} />}
      {dialog === 'rotate' && <RotateDialog of={key} onClose={close} onRotated={onChanged} />}
      {dialog === 'delete' && <DeleteDialog of={key} onClose={close} onDeleted={() => go(href('keys'))} />}
      {dialog === 'try' && <TryItDialog of={key} onClose={close} />}
    </Page>
  );
}

interface ActionsProps {
  of: Key;
  onOpen: (dialog: OpenDialog) => void;
  onChanged: () => void;
}

function Actions({ of: key, onOpen, onChanged }: ActionsProps) {
  return (
    <>
      <ActiveSwitch of={key} onChanged={onChanged} />
      <button type="button" class="button" onClick={() => onOpen('try')}>
        <Icon name="bell" />
        {texts.key.tryIt}
      </button>
      <button type="button" class="button" onClick={() => onOpen('edit')}>
        <Icon name="edit" />
        {texts.key.edit}
      </button>
      <button type="button" class="button" onClick={() => onOpen('rotate')}>
        <Icon name="rotating" />
        {texts.key.rotate}
      </button>
      <button type="button" class="button danger" onClick={() => onOpen('delete')}>
        <Icon name="trash" />
        {texts.key.delete}
      </button>
    </>
  );
}

function RotationBanner({ of: key }: { of: Key }) {
  if (!key.rotation || !isRotating(key, now.value)) return null;
  const { old_hint, old_valid_until, old_last_used_at } = key.rotation;
  return (
    <div class="note warn" id="rotation">
      <Icon name="rotating" />
      <div>
        <strong>{texts.key.rotation(old_hint, formatExact(old_valid_until))}</strong>{' '}
        {old_last_used_at
          ? texts.key.rotationUsed(formatRelative(old_last_used_at, now.value))
          : texts.key.rotationUnused}
      </div>
    </div>
  );
}

function Overview({ of: key }: { of: Key }) {
  const words = texts.key;
  return (
    <Facts>
      <Fact term={texts.keys.columns.permissions}>
        <Permissions of={key.permissions} names />
      </Fact>
      <Fact term={texts.keys.columns.scope}>
        <ScopeText of={key} all />
      </Fact>
      <Fact term={words.expires}>{key.expires_at ? <Time at={key.expires_at} /> : texts.form.expiry.never}</Fact>
      <Fact term={words.limits}>{limitsText(key.limits)}</Fact>
      <Fact term={words.lastUsed}>
        <Time at={key.last_used_at} />
      </Fact>
      <Fact term={words.created}>
        <Time at={key.created_at} date />
      </Fact>
      <Fact term={words.createdBy}>
        <ActorName actor={key.created_by} />
      </Fact>
      <Fact term={words.updated}>
        <Time at={key.updated_at} />
      </Fact>
      <Fact term={words.hint}>
        <code>{texts.keys.hint(key.hint)}</code>
      </Fact>
      <Fact term={words.id}>
        <code>{key.id}</code>
      </Fact>
    </Facts>
  );
}

function Use({ of: key }: { of: Key }) {
  const publishable = !key.permissions.includes('PushNotifications/Send');
  return (
    <Section title={publishable ? texts.key.embed : texts.key.send}>
      <p class="muted">{publishable ? texts.key.embedDescription : texts.snippets.placeholder}</p>
      {publishable ? <WebPageSnippet secret={null} channels={key.channels} /> : <SendSnippets secret={null} />}
    </Section>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="card section">
      <h2>{title}</h2>
      {children}
    </section>
  );
}
