// Runs one request at a time for a button or a form, and keeps what went wrong.

import { useRef, useState } from 'preact/hooks';
import { Failure } from '../api/failure.ts';

export interface Action {
  busy: boolean;
  failure: Failure | null;
  /** Runs the task, unless another one is running. Its failure is kept and returned. */
  run: (task: () => Promise<void>) => Promise<Failure | null>;
  clear: () => void;
}

export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  // The state changes only with the next rendering, after a double click.
  const running = useRef(false);

  async function run(task: () => Promise<void>): Promise<Failure | null> {
    if (running.current) return null;
    running.current = true;
    setBusy(true);
    setFailure(null);
    try {
      await task();
      return null;
    } catch (error) {
      const failed = Failure.from(error);
      setFailure(failed);
      return failed;
    } finally {
      running.current = false;
      setBusy(false);
    }
  }

  return { busy, failure, run, clear: () => setFailure(null) };
}
