// The fields of a key, for creating and for editing.

import type { Failure } from '../api/failure.ts';
import type { Permission } from '../api/types.ts';
import { formatExact } from '../format.ts';
import { texts } from '../texts.ts';
import { Choice, FieldGroup, Select, TextField } from '../ui/field.tsx';
import { ChannelPicker } from './channel-picker.tsx';
import { type Draft, type Expiry, expiresAt } from './draft.ts';

const PERMISSIONS: Permission[] = ['PushNotifications/Send', 'Subscriptions/Write'];

interface Props {
  draft: Draft;
  expiries: readonly Expiry[];
  failure: Failure | null;
  onChange: (draft: Draft) => void;
}

export function KeyFields({ draft, expiries, failure, onChange }: Props) {
  const change = (changes: Partial<Draft>) => onChange({ ...draft, ...changes });
  const words = texts.form;
  return (
    <>
      <TextField
        label={words.name}
        hint={words.nameHint}
        value={draft.name}
        error={failure?.at('/name')}
        onInput={(name) => change({ name })}
        input={{ autofocus: true, dir: 'auto', spellcheck: false }}
      />
      <FieldGroup legend={words.permissions} error={failure?.at('/permissions')}>
        {PERMISSIONS.map((permission) => (
          <Choice
            key={permission}
            type="checkbox"
            label={texts.permissions[permission].name}
            description={
              <>
                <code>{permission}</code> {texts.permissions[permission].description}
              </>
            }
            checked={draft.permissions.includes(permission)}
            onChange={(checked) =>
              change({
                permissions: PERMISSIONS.filter((it) => (it === permission ? checked : draft.permissions.includes(it))),
              })
            }
          />
        ))}
      </FieldGroup>
      <FieldGroup legend={words.scope} error={failure?.at('/scope')}>
        {(['channels', 'all'] as const).map((scope) => (
          <Choice
            key={scope}
            type="radio"
            name="scope"
            label={texts.scope[scope]}
            description={scope === 'all' ? texts.scope.allDescription : texts.scope.channelsDescription}
            checked={draft.scope === scope}
            onChange={() => change({ scope })}
          />
        ))}
      </FieldGroup>
      {draft.scope === 'channels' && (
        <ChannelPicker
          chosen={draft.channels}
          error={failure?.at('/channels')}
          unknown={unknownChannels(failure, draft.channels)}
          onChange={(channels) => change({ channels })}
        />
      )}
      <ExpiryFields draft={draft} expiries={expiries} failure={failure} change={change} />
      <details class="limits" open={Boolean(draft.perMinute || draft.perDay || failure?.at('/limits'))}>
        <summary>
          {words.limits} <span class="muted">({texts.common.optional})</span>
        </summary>
        <div class="two-columns">
          <TextField
            label={words.perMinute}
            hint={words.limitHint}
            value={draft.perMinute}
            error={failure?.at('/limits/per_minute')}
            onInput={(perMinute) => change({ perMinute })}
            input={{ inputMode: 'numeric' }}
          />
          <TextField
            label={words.perDay}
            hint={words.limitHint}
            value={draft.perDay}
            error={failure?.at('/limits/per_day')}
            onInput={(perDay) => change({ perDay })}
            input={{ inputMode: 'numeric' }}
          />
        </div>
      </details>
    </>
  );
}

interface ExpiryProps {
  draft: Draft;
  expiries: readonly Expiry[];
  failure: Failure | null;
  change: (changes: Partial<Draft>) => void;
}

function ExpiryFields({ draft, expiries, failure, change }: ExpiryProps) {
  const words = texts.form;
  const expires = expiresAt(draft);
  const error = failure?.at('/expires_at');
  return (
    <div class="expiry">
      <Select
        label={words.expires}
        value={draft.expiry}
        options={expiries.map((expiry) => [expiry, words.expiry[expiry]] as const)}
        onChange={(expiry) => change({ expiry })}
        error={draft.expiry === 'date' ? undefined : error}
      />
      {draft.expiry === 'date' && (
        <TextField
          label={words.date}
          hint={words.dateZone(Intl.DateTimeFormat().resolvedOptions().timeZone)}
          value={draft.date}
          error={error}
          onInput={(date) => change({ date })}
          input={{ type: 'datetime-local' }}
        />
      )}
      {expires && <p class="hint">{words.expiresAt(formatExact(expires))}</p>}
      {expires === null && <p class="hint">{words.neverWarning}</p>}
    </div>
  );
}

/** The channels that an `unknown_channel` names. */
function unknownChannels(failure: Failure | null, chosen: string[]): string[] {
  if (failure?.code !== 'unknown_channel') return [];
  const named = failure.detail.split(/[\s,:;]+/);
  return chosen.filter((slug) => named.includes(slug));
}

/** Whether the failure is shown at the fields: then the form needs no note of its own. */
export function isAtFields(failure: Failure | null): boolean {
  return failure !== null && failure.errors.length > 0;
}
