// What follows a list that is loaded page by page: its failure, and the button for more.

import { texts } from '../texts.ts';
import { FailureNote } from './failure-note.tsx';
import type { Pages } from './use-pages.ts';

export function More<T>({ pages }: { pages: Pages<T> }) {
  if (pages.failure) return <FailureNote failure={pages.failure} onRetry={pages.more} />;
  if (!pages.hasMore) return null;
  return (
    <div class="more">
      <button type="button" class="button" disabled={pages.loading} onClick={pages.more}>
        {pages.loading ? texts.common.loading : texts.common.more}
      </button>
    </div>
  );
}
