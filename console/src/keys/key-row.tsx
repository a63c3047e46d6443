// One key in the table.

import type { Key } from '../api/types.ts';
import { isAdmin } from '../account.ts';
import { keyHref } from '../router.ts';
import { texts } from '../texts.ts';
import { ActorName } from '../ui/actor.tsx';
import { Cell, RowHead } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { ActiveSwitch } from './active-switch.tsx';
import { RowDelete } from './row-delete.tsx';
import { Permissions, ScopeText } from './scope.tsx';
import { StatusBadge } from './status-badge.tsx';
import { SparkLine } from './usage.tsx';

export function KeyRow({ of: key }: { of: Key }) {
  const labels = texts.keys.columns;
  return (
    <tr role="row">
      <RowHead>
        <a class="key-name" href={keyHref(key.id)}>
          <bdi>{key.name}</bdi>
        </a>
        <code class="hint-code">
          <span class="visually-hidden">{texts.keys.hintLabel} </span>
          {texts.keys.hint(key.hint)}
        </code>
      </RowHead>
      <Cell label={labels.permissions}>
        <Permissions of={key.permissions} />
      </Cell>
      <Cell label={labels.scope}>
        <ScopeText of={key} />
      </Cell>
      <Cell label={labels.status}>
        <div class="status-cell">
          {isAdmin.value && <ActiveSwitch of={key} />}
          <StatusBadge of={key} />
        </div>
      </Cell>
      <Cell label={labels.created}>
        <Time at={key.created_at} date />
      </Cell>
      <Cell label={labels.createdBy}>
        <ActorName actor={key.created_by} />
      </Cell>
      <Cell label={labels.lastUsed}>
        <Time at={key.last_used_at} />
      </Cell>
      <Cell label={labels.usage}>
        <SparkLine usage={key.usage} />
      </Cell>
      {isAdmin.value && (
        <td role="cell" class="row-actions">
          <RowDelete of={key} />
        </td>
      )}
    </tr>
  );
}
