// The keys of the account: one table with search, filters and sort order.

import { useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { isAdmin } from '../account.ts';
import type { Key } from '../api/types.ts';
import { onChange } from '../changes.ts';
import { now } from '../clock.ts';
import { go, replaceRoute, route } from '../router.ts';
import { texts } from '../texts.ts';
import { Empty } from '../ui/empty.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { Icon } from '../ui/icons.tsx';
import { Page } from '../ui/page.tsx';
import { Skeleton } from '../ui/skeleton.tsx';
import { Head, SortedHead, Table } from '../ui/table.tsx';
import { openCreate } from './create-dialog.tsx';
import { FilterBar } from './filter-bar.tsx';
import { type Filters, type SortField, applyFilters, filtersHref, isFiltered, readFilters } from './filters.ts';
import { keys, loadKeys, loadRest, progress } from './key-list.ts';
import { KeyRow } from './key-row.tsx';
import { SendSnippets } from './snippets.tsx';

/** The rows of one page: a table of thousands of rows would be slow for everyone. */
const ROWS = 50;

export function KeysPage() {
  const filters = readFilters(route.value.query);
  // What the address says by then: the search field changes it a little later than it was typed.
  const apply = (changes: Partial<Filters>) =>
    replaceRoute(filtersHref({ ...readFilters(route.value.query), ...changes }));
  // Filtered again only after a change of the keys, the address or the time.
  const found = useComputed(() => applyFilters(keys.value ?? [], readFilters(route.value.query), now.value));

  useEffect(() => {
    void loadKeys();
    return onChange('keys', () => void loadKeys());
  }, []);

  const actions = isAdmin.value && (
    <button type="button" id="create-key" class="button primary" onClick={() => openCreate()}>
      <Icon name="plus" />
      {texts.keys.create}
    </button>
  );

  return (
    <Page title={texts.keys.title} description={texts.keys.description} actions={actions}>
      {keys.value === null ? (
        <FirstLoad />
      ) : keys.value.length === 0 ? (
        <NoKeys />
      ) : (
        <>
          <FilterBar filters={filters} onChange={apply} />
          <ListStatus found={found.value.length} total={keys.value.length} filters={filters} />
          {found.value.length === 0 ? (
            <NoMatch filters={filters} />
          ) : (
            <KeysTable found={found.value} filters={filters} onChange={apply} />
          )}
        </>
      )}
    </Page>
  );
}

function FirstLoad() {
  if (progress.value.state === 'failed') return <FailureNote failure={progress.value.failure} onRetry={loadRest} />;
  return <Skeleton lines={8} />;
}

function ListStatus({ found, total, filters }: { found: number; total: number; filters: Filters }) {
  const { value } = progress;
  const words = texts.keys;
  return (
    <>
      <p class="list-status" role="status">
        {value.state === 'complete' && (isFiltered(filters) ? words.countOf(found, total) : words.count(total))}
        {value.state === 'loading' && words.loadingRest(total)}
        {value.state === 'waiting' && words.waitingRest(total, value.seconds)}
        {value.state === 'failed' && words.incomplete(total)}
      </p>
      {value.state === 'failed' && <FailureNote failure={value.failure} onRetry={loadRest} />}
    </>
  );
}

interface TableProps {
  found: Key[];
  filters: Filters;
  onChange: (changes: Partial<Filters>) => void;
}

function KeysTable({ found, filters, onChange }: TableProps) {
  const pages = Math.ceil(found.length / ROWS);
  const page = Math.min(filters.page, pages);
  const labels = texts.keys.columns;

  const sorted = (field: SortField, label: string, number = false) => {
    const ascending = filters.sort === field;
    const order = ascending ? 'ascending' : filters.sort === `-${field}` ? 'descending' : null;
    // Names begin with A, all else with the newest or the most.
    const first = field === 'name' || field === 'status' ? field : (`-${field}` as const);
    const other = first === field ? (`-${field}` as const) : field;
    const sort = filters.sort === first ? other : first;
    return (
      <SortedHead number={number} order={order} onSort={() => onChange({ sort, page: 1 })}>
        {label}
      </SortedHead>
    );
  };

  return (
    <>
      <Table
        caption={texts.keys.caption}
        head={
          <>
            {sorted('name', labels.name)}
            <Head>{labels.permissions}</Head>
            <Head>{labels.scope}</Head>
            {sorted('status', labels.status)}
            {sorted('created', labels.created)}
            <Head>{labels.createdBy}</Head>
            {sorted('used', labels.lastUsed)}
            {sorted('usage', labels.usage)}
            {isAdmin.value && (
              <Head>
                <span class="visually-hidden">{labels.actions}</span>
              </Head>
            )}
          </>
        }
      >
        {found.slice((page - 1) * ROWS, page * ROWS).map((key) => (
          <KeyRow key={key.id} of={key} />
        ))}
      </Table>
      {pages > 1 && (
        <nav class="pager" aria-label={texts.common.pages}>
          <span>{texts.keys.range((page - 1) * ROWS + 1, Math.min(page * ROWS, found.length), found.length)}</span>
          <button type="button" class="button small" disabled={page === 1} onClick={() => onChange({ page: page - 1 })}>
            {texts.common.previousPage}
          </button>
          <button
            type="button"
            class="button small"
            disabled={page === pages}
            onClick={() => onChange({ page: page + 1 })}
          >
            {texts.common.nextPage}
          </button>
        </nav>
      )}
    </>
  );
}

function NoMatch({ filters }: { filters: Filters }) {
  return (
    <Empty title={texts.keys.noMatchTitle}>
      <p>{texts.keys.noMatch}</p>
      <button
        type="button"
        class="button"
        onClick={() => go(filtersHref({ ...readFilters(new URLSearchParams()), sort: filters.sort }))}
      >
        {texts.keys.filters.clear}
      </button>
    </Empty>
  );
}

function NoKeys() {
  if (!isAdmin.value) {
    return (
      <Empty title={texts.keys.title}>
        <p>{texts.keys.emptyMember}</p>
      </Empty>
    );
  }
  return (
    <Empty title={texts.keys.emptyTitle}>
      <ol class="steps">
        {texts.keys.emptySteps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <SendSnippets secret={null} />
      <button type="button" class="button primary" onClick={() => openCreate()}>
        <Icon name="plus" />
        {texts.keys.create}
      </button>
    </Empty>
  );
}
