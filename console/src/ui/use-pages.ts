// A list that is loaded page by page, with its cursor.

import { useEffect, useRef, useState } from 'preact/hooks';
import { Failure } from '../api/failure.ts';

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Pages<T> {
  items: T[] | null;
  hasMore: boolean;
  loading: boolean;
  failure: Failure | null;
  more: () => void;
  /** Shows a newer version of an item. */
  replace: (old: T, current: T) => void;
}

export function usePages<T>(load: (cursor: string | undefined) => Promise<Page<T>>, inputs: unknown[]): Pages<T> {
  const [items, setItems] = useState<T[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [loading, setLoading] = useState(true);
  const [failure, setFailure] = useState<Failure | null>(null);
  // Answers of an older list are dropped.
  const generation = useRef(0);

  async function loadPage(cursor: string | undefined) {
    const started = generation.current;
    setLoading(true);
    setFailure(null);
    try {
      const page = await load(cursor);
      if (started !== generation.current) return;
      setItems((before) => (cursor && before ? [...before, ...page.items] : page.items));
      setNext(page.next);
    } catch (error) {
      if (started === generation.current) setFailure(Failure.from(error));
    }
    if (started === generation.current) setLoading(false);
  }

  useEffect(() => {
    generation.current += 1;
    setItems(null);
    void loadPage(undefined);
    return () => {
      generation.current += 1;
    };
  }, inputs);

  const replace = (old: T, current: T) =>
    setItems((before) => before?.map((item) => (item === old ? current : item)) ?? null);

  return { items, hasMore: next !== null, loading, failure, more: () => void loadPage(next ?? undefined), replace };
}
