// A placeholder while something loads. It appears after 200 ms: a fast answer never flickers.

import { useEffect, useState } from 'preact/hooks';
import { texts } from '../texts.ts';

const DELAY_MS = 200;

export function Skeleton({ lines = 5 }: { lines?: number }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), DELAY_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="skeleton" role="status" aria-label={texts.common.loading} data-shown={shown}>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} class="skeleton-line" />
      ))}
    </div>
  );
}
