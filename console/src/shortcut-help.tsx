// The list of the keyboard shortcuts, with the switch for them.

import { enableShortcuts, helpOpen, shortcutsEnabled } from './shortcuts.ts';
import { texts } from './texts.ts';
import { Dialog, DialogButtons } from './ui/dialog.tsx';
import { Choice } from './ui/field.tsx';

const KEYS = [
  ['/', texts.shortcuts.search],
  ['n', texts.shortcuts.create],
  ['?', texts.shortcuts.help],
] as const;

export function ShortcutHelpHost() {
  if (!helpOpen.value) return null;
  const close = () => {
    helpOpen.value = false;
  };
  return (
    <Dialog title={texts.shortcuts.title} onClose={close}>
      <dl class="facts shortcuts">
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <Choice
        type="checkbox"
        label={texts.shortcuts.enabled}
        checked={shortcutsEnabled.value}
        onChange={enableShortcuts}
      />
      <DialogButtons>
        <button type="button" class="button primary" onClick={close}>
          {texts.common.close}
        </button>
      </DialogButtons>
    </Dialog>
  );
}
