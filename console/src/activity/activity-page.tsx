// What was done to the keys of the account, newest first, also to deleted ones.

import { client, request } from '../api/client.ts';
import { Changes } from '../keys/history.tsx';
import { keyHref } from '../router.ts';
import { texts } from '../texts.ts';
import { ActorName } from '../ui/actor.tsx';
import { Empty } from '../ui/empty.tsx';
import { More } from '../ui/more.tsx';
import { Page } from '../ui/page.tsx';
import { Skeleton } from '../ui/skeleton.tsx';
import { Time } from '../ui/time.tsx';
import { usePages } from '../ui/use-pages.ts';

const PAGE_SIZE = 50;

export function ActivityPage() {
  const pages = usePages(async (cursor) => {
    const query = { limit: PAGE_SIZE, ...(cursor && { cursor }) };
    const page = await request(() => client.GET('/history', { params: { query } }));
    return { items: page.events, next: page.next_cursor };
  }, []);

  return (
    <Page title={texts.activity.title} description={texts.activity.description}>
      {pages.items === null && !pages.failure && <Skeleton />}
      {pages.items?.length === 0 && (
        <Empty title={texts.activity.emptyTitle}>
          <p>{texts.activity.empty}</p>
        </Empty>
      )}
      {pages.items && pages.items.length > 0 && (
        <ol class="plain-list timeline card section">
          {pages.items.map((event) => (
            <li key={`${event.at} ${event.key.id} ${event.action}`}>
              <p>
                <strong>
                  <ActorName actor={event.by} />
                </strong>{' '}
                {texts.activity[event.action]}{' '}
                <a href={keyHref(event.key.id)}>
                  <bdi>{event.key.name}</bdi>
                </a>{' '}
                <Time at={event.at} />
              </p>
              {/* What a key was at its creation and at its end is on its page. */}
              {(event.action === 'changed' || event.action === 'rotated') && <Changes of={event} />}
            </li>
          ))}
        </ol>
      )}
      <More pages={pages} />
    </Page>
  );
}
