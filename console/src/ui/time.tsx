// A time in words, with the exact time on hover, on focus and for screen readers.

import { now } from '../clock.ts';
import { formatDate, formatExact, formatRelative } from '../format.ts';
import { texts } from '../texts.ts';

interface Props {
  at: string | null;
  /** The date instead of "3 hours ago". */
  date?: boolean;
  /** Within a link, which has the focus itself. */
  plain?: boolean;
}

/** Escape hides what is shown on hover, until the pointer or the focus moves on (WCAG 1.4.13). */
export function listenForEscape(): void {
  const { dataset } = document.documentElement;
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') dataset.tips = 'off';
  });
  for (const type of ['focusin', 'pointerover']) addEventListener(type, () => delete dataset.tips);
}

export function Time({ at, date = false, plain = false }: Props) {
  if (at === null) return <span class="muted">{texts.time.never}</span>;
  return (
    // Focusable, since the exact time must be reachable by keyboard and touch.
    <time class="tip" dateTime={at} tabIndex={plain ? undefined : 0}>
      {date ? formatDate(at) : formatRelative(at, now.value)}
      <span class="tip-text">
        <span class="visually-hidden">, </span>
        {formatExact(at)}
      </span>
    </time>
  );
}
