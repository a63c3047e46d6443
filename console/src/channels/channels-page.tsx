// The channels of the account, with their keys and subscriptions.

import { useEffect, useState } from 'preact/hooks';
import { isAdmin } from '../account.ts';
import type { Channel } from '../api/types.ts';
import { onChange } from '../changes.ts';
import { href } from '../router.ts';
import { texts } from '../texts.ts';
import { ActorName } from '../ui/actor.tsx';
import { Empty } from '../ui/empty.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { Icon } from '../ui/icons.tsx';
import { Page } from '../ui/page.tsx';
import { Skeleton } from '../ui/skeleton.tsx';
import { Cell, Head, RowHead, Table } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { useLoaded } from '../ui/use-loaded.ts';
import { channels, loadChannels } from './channel-list.ts';
import { CreateChannelDialog } from './create-channel-dialog.tsx';
import { DeleteChannelDialog } from './delete-channel-dialog.tsx';

export function ChannelsPage() {
  const { failure, reload } = useLoaded(loadChannels, []);
  const [creating, setCreating] = useState(false);
  const [deleting, setDeleting] = useState<Channel | null>(null);
  useEffect(() => onChange('channels', reload), [reload]);

  const create = isAdmin.value && (
    <button type="button" class="button primary" onClick={() => setCreating(true)}>
      <Icon name="plus" />
      {texts.channels.create}
    </button>
  );

  return (
    <Page title={texts.channels.title} description={texts.channels.description} actions={create}>
      <FailureNote failure={failure} onRetry={reload} />
      {channels.value === null && !failure && <Skeleton />}
      {channels.value?.length === 0 && (
        <Empty title={isAdmin.value ? texts.channels.emptyTitle : texts.channels.title}>
          <p>{isAdmin.value ? texts.channels.empty : texts.channels.emptyMember}</p>
          {create}
        </Empty>
      )}
      {channels.value && channels.value.length > 0 && <ChannelTable channels={channels.value} onDelete={setDeleting} />}
      {creating && <CreateChannelDialog onClose={() => setCreating(false)} />}
      {deleting && <DeleteChannelDialog of={deleting} onClose={() => setDeleting(null)} />}
    </Page>
  );
}

function ChannelTable({ channels, onDelete }: { channels: Channel[]; onDelete: (channel: Channel) => void }) {
  const labels = texts.channels.columns;
  return (
    <Table
      caption={texts.channels.caption}
      head={
        <>
          <Head>{labels.slug}</Head>
          <Head number>{labels.keys}</Head>
          <Head number>{labels.subscriptions}</Head>
          <Head>{labels.created}</Head>
          <Head>{labels.createdBy}</Head>
          {isAdmin.value && (
            <Head>
              <span class="visually-hidden">{labels.actions}</span>
            </Head>
          )}
        </>
      }
    >
      {channels.map((channel) => (
        <tr role="row" key={channel.slug}>
          <RowHead>
            <span class="slug">{channel.slug}</span>
          </RowHead>
          <Cell number label={labels.keys}>
            {channel.keys > 0 ? (
              <a
                href={href('keys', { channel: channel.slug })}
                aria-label={texts.channels.keysOf(channel.slug, channel.keys)}
              >
                {channel.keys}
              </a>
            ) : (
              channel.keys
            )}
          </Cell>
          <Cell number label={labels.subscriptions}>
            {channel.subscriptions > 0 ? texts.channels.about(channel.subscriptions) : channel.subscriptions}
          </Cell>
          <Cell label={labels.created}>
            <Time at={channel.created_at} date />
          </Cell>
          <Cell label={labels.createdBy}>
            <ActorName actor={channel.created_by} />
          </Cell>
          {isAdmin.value && (
            <td role="cell" class="row-actions">
              <button
                type="button"
                class="button quiet small"
                aria-label={texts.channels.deleteName(channel.slug)}
                onClick={() => onDelete(channel)}
              >
                <Icon name="trash" />
                {texts.channels.delete}
              </button>
            </td>
          )}
        </tr>
      ))}
    </Table>
  );
}
