// Who did what to a key, with the values before and after.

import { client, request } from '../api/client.ts';
import type { Event } from '../api/types.ts';
import { texts } from '../texts.ts';
import { ActorName } from '../ui/actor.tsx';
import { More } from '../ui/more.tsx';
import { Skeleton } from '../ui/skeleton.tsx';
import { Time } from '../ui/time.tsx';
import { usePages } from '../ui/use-pages.ts';
import { FIELDS, type Field, fieldText } from './field-values.ts';

/** `version` changes when the key does: then there is a new event. */
export function KeyHistory({ id, version }: { id: string; version: string }) {
  const pages = usePages(
    async (cursor) => {
      const params = { path: { id }, query: { limit: 20, ...(cursor && { cursor }) } };
      const page = await request(() => client.GET('/keys/{id}/history', { params }));
      return { items: page.events, next: page.next_cursor };
    },
    [id, version],
  );

  return (
    <>
      {pages.items === null && !pages.failure && <Skeleton lines={3} />}
      {pages.items?.length === 0 && <p class="muted">{texts.history.empty}</p>}
      <ol class="plain-list timeline">
        {pages.items?.map((event) => (
          <li key={`${event.at} ${event.action}`}>
            <p>
              <strong>
                <ActorName actor={event.by} />
              </strong>{' '}
              {texts.history[event.action]} <Time at={event.at} />
            </p>
            <Changes of={event} />
          </li>
        ))}
      </ol>
      <More pages={pages} />
    </>
  );
}

/** A creation and a deletion name every field, also the empty ones. */
function isNothing(change: Event['changes'][Field]): boolean {
  const isEmpty = (value: unknown) => value === null || (Array.isArray(value) && value.length === 0);
  return !change || (isEmpty(change.from) && isEmpty(change.to));
}

export function Changes({ of: event }: { of: Pick<Event, 'action' | 'changes'> }) {
  const fields = FIELDS.filter((field) => !isNothing(event.changes[field]));
  if (fields.length === 0) return null;
  return (
    <dl class="changes">
      {fields.map((field) => {
        const change = event.changes[field];
        return (
          <div key={field}>
            <dt>{texts.history.fields[field]}</dt>
            <dd>
              {event.action !== 'created' && <del>{fieldText(field, change?.from ?? null)}</del>}
              {event.action === 'changed' || event.action === 'rotated' ? (
                <span class="visually-hidden"> {texts.history.to} </span>
              ) : null}
              {event.action !== 'deleted' && <ins>{fieldText(field, change?.to ?? null)}</ins>}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
