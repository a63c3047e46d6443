// What went wrong, in the server's words.

import type { Failure } from '../api/failure.ts';
import { API } from '../config.ts';
import { texts } from '../texts.ts';
import { Icon } from './icons.tsx';

const NOT_PROBLEMS: string[] = ['network', 'unknown', 'cancelled'];

export function FailureNote({ failure, onRetry }: { failure: Failure | null; onRetry?: () => void }) {
  if (!failure) return null;
  return (
    <div class="note bad" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{failure.title}.</strong> {sentence(failure.detail)}
        {failure.retryAfter !== null && <> {texts.failure.waiting(failure.retryAfter)}</>}
        {failure.requestId && (
          <div class="fine">
            {texts.failure.requestId} <code>{failure.requestId}</code>
            {!NOT_PROBLEMS.includes(failure.code) && (
              <>
                {' · '}
                <a href={`${API}/problems/${failure.code}`} target="_blank" rel="noreferrer">
                  {texts.failure.explain}
                </a>
              </>
            )}
          </div>
        )}
        {onRetry && (
          <div class="note-action">
            <button type="button" class="button small" onClick={onRetry}>
              {texts.common.retry}
            </button>
          </div>
        )}
      </div>
    </div>
  );
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
