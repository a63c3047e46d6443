// The signed-in user, their account and their role in it.

import { computed, signal } from '@preact/signals';
import { client, request } from './api/client.ts';
import { Failure } from './api/failure.ts';
import type { Me } from './api/types.ts';

export const me = signal<Me | null>(null);
export const meFailure = signal<Failure | null>(null);
export const isAdmin = computed(() => me.value?.role === 'admin');

export async function loadMe(): Promise<void> {
  meFailure.value = null;
  try {
    me.value = await request(() => client.GET('/me'));
  } catch (error) {
    meFailure.value = Failure.from(error);
  }
}
