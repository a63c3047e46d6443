// One trial: the keys that it uses, the receiver's subscription, and what has to be cleaned up after it.

import type { Key, Permission } from '../api/types.ts';
import { serverNow } from '../clock.ts';
import { createKey, deleteKey } from '../keys/requests.ts';
import {
  type SecretSource,
  deleteSubscription,
  getApplicationServerKey,
  putSubscription,
  sendPush,
} from './key-requests.ts';
import type { Receiver, Subscription } from './receiver.ts';

const HELPER_NAME = 'Try it';
const HELPER_LIFETIME_MS = 60 * 60_000;

export class Trial {
  #helper: { id: string; secret: string } | null = null;
  #subscription: Subscription | null = null;
  #subscriptionId: string | null = null;

  constructor(
    private readonly key: Key,
    /** The secret of the key, if this page has it. */
    private readonly secret: SecretSource | null,
    readonly channel: string,
    readonly receiver: Receiver,
  ) {}

  /** Whether a key of its own is needed: nobody but the key's owner has its secret, or it may not do all of this. */
  static needsHelper(key: Key, secret: SecretSource | null): boolean {
    return secret === null || key.permissions.length < 2;
  }

  /** The ID of the key that sends. */
  get senderId(): string {
    return this.#uses('PushNotifications/Send') ? this.key.id : (this.#helper?.id ?? '');
  }

  async subscribe(): Promise<void> {
    await this.receiver.prepare();
    if (Trial.needsHelper(this.key, this.secret)) this.#helper ??= await createHelper(this.channel);
    const source = this.#sourceFor('Subscriptions/Write');
    this.#subscription = await this.receiver.subscribe(await getApplicationServerKey(source));
    this.#subscriptionId = await putSubscription(source, this.#subscription, this.channel);
  }

  send(title: string): Promise<string> {
    return sendPush(this.#sourceFor('PushNotifications/Send'), this.channel, title);
  }

  /** When the push with this ID arrived, in milliseconds of the Unix epoch. */
  arrivalOf(pushId: string): Promise<number | undefined> {
    return this.#subscription?.arrivalOf(pushId) ?? Promise.resolve(undefined);
  }

  /** Removes the subscription and the helper. Each is tried, whatever happens to the other. */
  async cleanUp(): Promise<void> {
    const subscription = this.#subscription;
    const id = this.#subscriptionId;
    const helper = this.#helper;
    await Promise.allSettled([
      id && deleteSubscription(this.#sourceFor('Subscriptions/Write'), id),
      subscription?.end(),
    ]);
    this.#subscription = null;
    this.#subscriptionId = null;
    this.#helper = null;
    if (helper) {
      helper.secret = '';
      await deleteKey(helper.id).catch(() => undefined);
    }
  }

  #uses(permission: Permission): boolean {
    return this.secret !== null && this.key.permissions.includes(permission);
  }

  #sourceFor(permission: Permission): SecretSource {
    const { secret } = this;
    return secret && this.#uses(permission) ? secret : () => this.#helper?.secret ?? '';
  }
}

async function createHelper(channel: string): Promise<{ id: string; secret: string }> {
  const created = await createKey(
    {
      name: HELPER_NAME,
      permissions: ['PushNotifications/Send', 'Subscriptions/Write'],
      scope: 'channels',
      channels: [channel],
      expires_at: new Date(serverNow() + HELPER_LIFETIME_MS).toISOString(),
    },
    crypto.randomUUID(),
  );
  return { id: created.key.id, secret: created.secret };
}
