// Tables that become cards on a narrow page. The roles are explicit, because CSS that changes `display` removes them.

import type { ComponentChildren } from 'preact';
import { Icon } from './icons.tsx';

export function Table({
  caption,
  head,
  children,
}: {
  caption: string;
  head: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <div class="card table-card">
      <table role="table">
        <caption class="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">{head}</tr>
        </thead>
        <tbody role="rowgroup">{children}</tbody>
      </table>
    </div>
  );
}

interface HeadProps {
  children: ComponentChildren;
  number?: boolean;
}

export function Head({ children, number = false }: HeadProps) {
  return (
    <th role="columnheader" scope="col" class={number ? 'number' : undefined}>
      {children}
    </th>
  );
}

interface SortedHeadProps extends HeadProps {
  order: 'ascending' | 'descending' | null;
  onSort: () => void;
}

export function SortedHead({ children, number = false, order, onSort }: SortedHeadProps) {
  return (
    <th role="columnheader" scope="col" class={number ? 'number' : undefined} aria-sort={order ?? undefined}>
      <button type="button" class="sort" onClick={onSort}>
        {children}
        {order && <Icon name={order === 'ascending' ? 'up' : 'down'} />}
      </button>
    </th>
  );
}

/** A cell; on a card, with the column's label. */
export function Cell({
  label,
  number = false,
  children,
}: {
  label: string;
  number?: boolean;
  children: ComponentChildren;
}) {
  return (
    <td role="cell" class={number ? 'number' : undefined} data-label={label}>
      {children}
    </td>
  );
}

/** The cell that names its row. */
export function RowHead({ children }: { children: ComponentChildren }) {
  return (
    <th role="rowheader" scope="row">
      {children}
    </th>
  );
}
