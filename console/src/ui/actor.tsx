// Who did something.

import type { Actor } from '../api/types.ts';
import { texts } from '../texts.ts';

/** The user's name; a token may have none. */
export const actorName = (actor: Actor): string => actor.name || texts.common.unknownUser(actor.id);

export function ActorName({ actor }: { actor: Actor }) {
  return <bdi class={actor.name ? undefined : 'muted'}>{actorName(actor)}</bdi>;
}
