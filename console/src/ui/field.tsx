// Form fields with their hints and errors, wired for screen readers.

import type { ComponentChildren, InputHTMLAttributes } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string;
  error?: string;
  input?: InputHTMLAttributes;
}

export function TextField({ label, value, onInput, hint, error, input }: FieldProps) {
  const id = useId();
  const describedBy = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        type="text"
        autocomplete="off"
        {...input}
        id={id}
        value={value}
        aria-invalid={error ? true : undefined}
        aria-describedby={describedBy}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {hint && <Hint id={`${id}-hint`}>{hint}</Hint>}
      {error && (
        <FieldErrorText id={`${id}-error`} subject={label}>
          {error}
        </FieldErrorText>
      )}
    </div>
  );
}

interface GroupProps {
  legend: string;
  error?: string;
  hint?: string;
  children: ComponentChildren;
}

/** Check boxes or radio buttons with one name. */
export function FieldGroup({ legend, error, hint, children }: GroupProps) {
  const id = useId();
  const describedBy = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  return (
    <fieldset class="field" aria-describedby={describedBy} data-invalid={error ? '' : undefined}>
      <legend>{legend}</legend>
      {children}
      {hint && <Hint id={`${id}-hint`}>{hint}</Hint>}
      {error && (
        <FieldErrorText id={`${id}-error`} subject={legend}>
          {error}
        </FieldErrorText>
      )}
    </fieldset>
  );
}

interface ChoiceProps {
  type: 'checkbox' | 'radio';
  name?: string;
  label: string;
  description?: ComponentChildren;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Choice({ type, name, label, description, checked, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <div class="choice">
      <input
        type={type}
        id={id}
        name={name}
        checked={checked}
        aria-describedby={description ? `${id}-description` : undefined}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{label}</label>
        {description && (
          <div class="hint" id={`${id}-description`}>
            {description}
          </div>
        )}
      </div>
    </div>
  );
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
  /** The label is for screen readers only. */
  compact?: boolean;
  error?: string;
}

export function Select<T extends string>({ label, value, options, onChange, compact, error }: SelectProps<T>) {
  const id = useId();
  return (
    <div class={compact ? 'field compact' : 'field'}>
      <label for={id} class={compact ? 'visually-hidden' : undefined}>
        {label}
      </label>
      <select
        id={id}
        value={value}
        aria-invalid={error ? true : undefined}
        aria-describedby={error ? `${id}-error` : undefined}
        onChange={(event) => onChange(event.currentTarget.value as T)}
      >
        {options.map(([option, text]) => (
          <option key={option} value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
      {error && (
        <FieldErrorText id={`${id}-error`} subject={label}>
          {error}
        </FieldErrorText>
      )}
    </div>
  );
}

function Hint({ id, children }: { id: string; children: ComponentChildren }) {
  return (
    <div class="hint" id={id}>
      {children}
    </div>
  );
}

/** The server's sentence, which has no subject. */
function FieldErrorText({ id, subject, children }: { id: string; subject: string; children: ComponentChildren }) {
  return (
    <div class="field-error" id={id}>
      {subject}: {children}
    </div>
  );
}

/** Moves the focus to the first field with an error. */
export function focusFirstError(form: HTMLElement | null): void {
  // After the errors are rendered.
  requestAnimationFrame(() => {
    form?.querySelector<HTMLElement>('[aria-invalid], [data-invalid] :is(input, select)')?.focus();
  });
}
