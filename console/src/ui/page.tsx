// The head of a page: its title, what it is for, and its main action.

import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { texts } from '../texts.ts';
import { Icon } from './icons.tsx';

interface Props {
  title: string;
  description?: string;
  back?: { href: string; label: string };
  /** Beside the title. */
  badge?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Page({ title, description, back, badge, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${texts.product}`;
  }, [title]);
  return (
    <>
      <div class="page-head">
        <div class="page-title">
          {back && (
            <a class="back" href={back.href}>
              <Icon name="back" />
              {back.label}
            </a>
          )}
          <h1 tabIndex={-1}>
            <bdi>{title}</bdi> {badge}
          </h1>
          {description && <p class="lead">{description}</p>}
        </div>
        {actions && <div class="page-actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}
