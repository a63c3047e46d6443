// A modal dialog on the platform's `<dialog>`.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { texts } from '../texts.ts';

interface Props {
  title: string;
  children: ComponentChildren;
  /** Called when the user wants to close it. Without it, nothing closes the dialog but its own buttons. */
  onClose?: () => void;
  /** Something was typed: closing asks first. */
  dirty?: boolean;
  wide?: boolean;
  /** The element that gets the focus after the dialog; `null` for the one that opened it. */
  focusAfter?: () => HTMLElement | null;
}

export function Dialog({ title, children, onClose, dirty = false, wide = false, focusAfter }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const [asking, setAsking] = useState(false);
  useOpen(ref, focusAfter);

  function requestClose() {
    if (dirty && !asking) setAsking(true);
    else if (!dirty) onClose?.();
  }

  // A second Escape would close the dialog although the event was canceled, so the key itself is caught.
  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    event.stopPropagation();
    requestClose();
  }

  return (
    <dialog
      ref={ref}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={titleId}
      closedby="none"
      onKeyDown={onKeyDown}
      onCancel={(event) => {
        event.preventDefault();
        requestClose();
      }}
      onClose={() => ref.current?.isConnected && ref.current.showModal()}
    >
      <h2 id={titleId}>{title}</h2>
      {children}
      {asking && (
        <div class="discard" role="alertdialog" aria-label={texts.common.discard}>
          <span>{texts.common.discard}</span>
          <button type="button" class="button" autofocus ref={focusOnce} onClick={() => setAsking(false)}>
            {texts.common.discardNo}
          </button>
          <button type="button" class="button danger" onClick={onClose}>
            {texts.common.discardYes}
          </button>
        </div>
      )}
    </dialog>
  );
}

function focusOnce(element: HTMLElement | null) {
  element?.focus();
}

/** Opens the dialog, and gives the focus to the next element, or back to where it was. */
function useOpen(ref: { current: HTMLDialogElement | null }, focusAfter?: () => HTMLElement | null) {
  const opener = useRef<Element | null>(null);
  useLayoutEffect(() => {
    opener.current = document.activeElement;
    ref.current?.showModal();
  }, []);
  useEffect(
    () => () => {
      // After the dialog has left the document.
      setTimeout(() => {
        const current = focusAfter?.() ?? opener.current;
        if (current instanceof HTMLElement && current.isConnected && current !== document.body) current.focus();
        else if (document.activeElement === document.body) document.querySelector<HTMLElement>('h1')?.focus();
      });
    },
    [],
  );
}

/** The buttons of a dialog; the last one is the main action. */
export function DialogButtons({ children }: { children: ComponentChildren }) {
  return <div class="dialog-buttons">{children}</div>;
}
