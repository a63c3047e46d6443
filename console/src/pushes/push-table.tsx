// Recent pushes: of the account, or of one key.

import { useRef, useState } from 'preact/hooks';
import { isAdmin } from '../account.ts';
import { client, request } from '../api/client.ts';
import type { Push } from '../api/types.ts';
import { formatExact, formatNumber } from '../format.ts';
import { href, keyHref, pushHref } from '../router.ts';
import { texts } from '../texts.ts';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icons.tsx';
import { More } from '../ui/more.tsx';
import { Skeleton } from '../ui/skeleton.tsx';
import { Cell, Head, RowHead, Table } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { usePages } from '../ui/use-pages.ts';
import { AudienceText } from './audience.tsx';
import { CancelPushDialog } from './cancel-push-dialog.tsx';
import { PushStatus, isCancelable } from './push-status.tsx';

const PAGE_SIZE = 50;
const FEW = 5;

interface Props {
  /** On a key's page: the last few of this key. */
  keyId?: string;
  /** Changes when the key does: that may have canceled its pushes. */
  keyVersion?: string;
  /** On the page of all pushes: those of this key. */
  filter?: string;
}

export function PushTable({ keyId, keyVersion, filter }: Props) {
  const short = keyId !== undefined;
  const sender = keyId ?? filter;
  const pages = usePages(
    async (cursor) => {
      const query = { limit: short ? FEW : PAGE_SIZE, ...(cursor && { cursor }), ...(sender && { key_id: sender }) };
      const page = await request(() => client.GET('/pushes', { params: { query } }));
      return { items: page.pushes, next: page.next_cursor };
    },
    [sender, keyVersion],
  );
  const [canceling, setCanceling] = useState<Push | null>(null);
  const row = useRef<HTMLTableRowElement | null>(null);

  function cancel(push: Push, button: HTMLElement) {
    row.current = button.closest('tr');
    setCanceling(push);
  }

  /** The button that opened the dialog, or the row's link: a canceled push has no button. */
  const focusInRow = () =>
    row.current?.querySelector<HTMLElement>('.row-actions button') ??
    row.current?.querySelector<HTMLElement>('a') ??
    null;

  const labels = texts.pushes.columns;
  if (pages.items === null) return pages.failure ? <More pages={pages} /> : <Skeleton lines={3} />;
  if (pages.items.length === 0) {
    if (sender) return <p class="muted">{texts.key.noPushes}</p>;
    return (
      <Empty title={texts.pushes.emptyTitle}>
        <p>{texts.pushes.empty}</p>
      </Empty>
    );
  }
  return (
    <>
      <Table
        caption={short ? texts.key.pushes : texts.pushes.caption}
        head={
          <>
            <Head>{labels.created}</Head>
            {!short && <Head>{labels.key}</Head>}
            <Head>{labels.audience}</Head>
            <Head>{labels.status}</Head>
            <Head number>{labels.delivered}</Head>
            {!short && <Head number>{labels.gone}</Head>}
            <Head number>{labels.failed}</Head>
            {isAdmin.value && (
              <Head>
                <span class="visually-hidden">{labels.actions}</span>
              </Head>
            )}
          </>
        }
      >
        {pages.items.map((push) => (
          <tr role="row" key={push.id}>
            <RowHead>
              <a href={pushHref(push.id)}>
                <Time at={push.created_at} plain />
              </a>
            </RowHead>
            {!short && (
              <Cell label={labels.key}>
                <a href={keyHref(push.key.id)}>
                  <bdi>{push.key.name}</bdi>
                </a>
              </Cell>
            )}
            <Cell label={labels.audience}>
              <AudienceText of={push.audience} />
            </Cell>
            <Cell label={labels.status}>
              <PushStatus of={push} />
            </Cell>
            <Cell number label={labels.delivered}>
              {texts.pushes.deliveredOf(push.counts.delivered, push.counts.recipients)}
            </Cell>
            {!short && (
              <Cell number label={labels.gone}>
                {formatNumber(push.counts.gone)}
              </Cell>
            )}
            <Cell number label={labels.failed}>
              {formatNumber(push.counts.failed)}
            </Cell>
            {isAdmin.value && (
              <td role="cell" class="row-actions">
                {isCancelable(push) && (
                  <button
                    type="button"
                    class="button quiet small"
                    aria-label={texts.pushes.cancelName(formatExact(push.created_at))}
                    onClick={(event) => cancel(push, event.currentTarget)}
                  >
                    <Icon name="close" />
                    {texts.pushes.cancel}
                  </button>
                )}
              </td>
            )}
          </tr>
        ))}
      </Table>
      {short ? (
        pages.hasMore && (
          <p>
            <a href={href('pushes', { key: keyId })}>{texts.key.allPushes}</a>
          </p>
        )
      ) : (
        <More pages={pages} />
      )}
      {canceling && (
        <CancelPushDialog
          of={canceling}
          onClose={() => setCanceling(null)}
          onCanceled={(current) => pages.replace(canceling, current)}
          focusAfter={focusInRow}
        />
      )}
    </>
  );
}
