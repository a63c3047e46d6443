// The search field and the filters above the keys.

import { useEffect, useRef, useState } from 'preact/hooks';
import { texts } from '../texts.ts';
import { Select } from '../ui/field.tsx';
import { Icon } from '../ui/icons.tsx';
import { type Filters, type Sort, isFiltered } from './filters.ts';

const TYPING_MS = 150;

interface Props {
  filters: Filters;
  onChange: (changes: Partial<Filters>) => void;
}

export function FilterBar({ filters, onChange }: Props) {
  const words = texts.keys.filters;
  const change = (changes: Partial<Filters>) => onChange({ ...changes, page: 1 });
  return (
    <div class="filters" role="search" aria-label={words.label}>
      <SearchField search={filters.search} onSearch={(search) => change({ search })} />
      <Select
        compact
        label={words.status}
        value={filters.status}
        onChange={(status) => change({ status })}
        options={[
          ['', words.anyStatus],
          ['active', texts.status.active],
          ['rotating', texts.status.rotating],
          ['expiring', texts.status.expires('7 days')],
          ['expired', texts.status.expired],
          ['inactive', texts.status.inactive],
        ]}
      />
      <Select
        compact
        label={words.permission}
        value={filters.permission}
        onChange={(permission) => change({ permission })}
        options={[
          ['', words.anyPermission],
          ['PushNotifications/Send', texts.permissions['PushNotifications/Send'].name],
          ['Subscriptions/Write', texts.permissions['Subscriptions/Write'].name],
        ]}
      />
      <Select
        compact
        label={words.scope}
        value={filters.scope}
        onChange={(scope) => change({ scope })}
        options={[
          ['', words.anyScope],
          ['all', texts.scope.all],
          ['channels', texts.scope.channels],
        ]}
      />
      <Select
        compact
        label={texts.keys.sortLabel}
        value={filters.sort}
        onChange={(sort) => change({ sort })}
        options={Object.entries(texts.keys.sorts) as [Sort, string][]}
      />
      <label class="toggle-chip">
        <input
          type="checkbox"
          checked={filters.unused}
          onChange={(event) => change({ unused: event.currentTarget.checked })}
        />
        {words.unused}
      </label>
      {filters.channel && (
        <button type="button" class="toggle-chip" onClick={() => change({ channel: '' })}>
          {words.channel(filters.channel)}
          <Icon name="close" />
        </button>
      )}
      {isFiltered(filters) && (
        <button
          type="button"
          class="button quiet small"
          onClick={() => change({ search: '', status: '', permission: '', scope: '', channel: '', unused: false })}
        >
          {words.clear}
        </button>
      )}
    </div>
  );
}

/** Searches a little after the last key stroke, so that thousands of keys are not filtered at each one. */
function SearchField({ search, onSearch }: { search: string; onSearch: (search: string) => void }) {
  const [typed, setTyped] = useState(search);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    setTyped(search);
  }, [search]);

  function onInput(value: string) {
    setTyped(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onSearch(value), TYPING_MS);
  }

  return (
    <label class="search">
      <Icon name="search" />
      <span class="visually-hidden">{texts.keys.search}</span>
      <input
        id="search"
        type="search"
        placeholder={texts.keys.searchHint}
        value={typed}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}
