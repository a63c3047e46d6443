// What the account's keys have sent.

import { href, route } from '../router.ts';
import { texts } from '../texts.ts';
import { Page } from '../ui/page.tsx';
import { PushTable } from './push-table.tsx';

export function PushesPage() {
  const filter = route.value.query.get('key') ?? undefined;
  return (
    <Page title={filter ? texts.key.allPushes : texts.pushes.title} description={texts.pushes.description}>
      {filter && (
        <p>
          <a href={href('pushes')}>{texts.pushes.allKeys}</a>
        </p>
      )}
      <PushTable filter={filter} />
    </Page>
  );
}
