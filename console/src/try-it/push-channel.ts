// How the service worker tells the page about a push.

export const PUSH_CHANNEL = 'pushgate-push';

export interface ArrivedPush {
  id: string;
  title: string;
  message?: string;
}
