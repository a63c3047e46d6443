// Loads something for a page, and drops the answer if the page shows something else by then.

import { useCallback, useEffect, useState } from 'preact/hooks';
import { Failure } from '../api/failure.ts';

export interface Loaded<T> {
  value: T | null;
  failure: Failure | null;
  reload: () => void;
  set: (value: T) => void;
}

/** Loads again whenever one of `inputs` changes. A reload keeps the old value until the new one is there. */
export function useLoaded<T>(load: () => Promise<T>, inputs: unknown[]): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    setValue(null);
  }, inputs);

  useEffect(() => {
    let current = true;
    setFailure(null);
    load().then(
      (loaded) => current && setValue(loaded),
      (error: unknown) => current && setFailure(Failure.from(error)),
    );
    return () => {
      current = false;
    };
  }, [...inputs, attempt]);

  const reload = useCallback(() => setAttempt((before) => before + 1), []);
  return { value, failure, reload, set: setValue };
}
