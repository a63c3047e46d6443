// Tells the other tabs that keys or channels changed, so that none shows an old state.

type Kind = 'keys' | 'channels';

const channel = new BroadcastChannel('pushgate-changes');

export function postChange(kind: Kind): void {
  channel.postMessage(kind);
}

/** Calls back after a change in another tab. Returns the function that stops it. */
export function onChange(kind: Kind, changed: () => void): () => void {
  const listener = ({ data }: MessageEvent<Kind>) => data === kind && changed();
  channel.addEventListener('message', listener);
  return () => channel.removeEventListener('message', listener);
}
