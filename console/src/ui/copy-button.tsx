// Copies a text. Where the clipboard is refused, the shown text is selected and the user is told what to press.

import { useState } from 'preact/hooks';
import { texts } from '../texts.ts';
import { Icon } from './icons.tsx';

interface Props {
  label: string;
  /** Read at the click, so that no copy of the text is kept. */
  text: () => string;
  /** The element that shows the text. */
  source: { current: HTMLElement | null };
  primary?: boolean;
}

export function CopyButton({ label, text, source, primary = false }: Props) {
  const [result, setResult] = useState('');

  async function copy() {
    // Emptied first, so that a second copy is announced again.
    setResult('');
    const copied = (await writeToClipboard(text())) || copySelection(source.current);
    setResult(copied ? texts.reveal.copied : texts.reveal.copyManually);
  }

  return (
    <div class="copy">
      <button type="button" class={primary ? 'button primary' : 'button small'} onClick={copy}>
        <Icon name="copy" />
        {label}
      </button>
      <span role="status" class="copy-result">
        {result}
      </span>
    </div>
  );
}

async function writeToClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard on plain HTTP, or no permission.
    return false;
  }
}

function copySelection(element: HTMLElement | null): boolean {
  if (!element) return false;
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection?.removeAllRanges();
  selection?.addRange(range);
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  }
}
