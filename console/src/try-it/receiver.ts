// What receives the push of a trial: this browser, or the test browser of a laptop.

/** A receiver cannot be subscribed, and why. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}

export interface Receiver {
  /** The page that shows what arrives, if the receiver is not this browser. */
  readonly page?: string;
  /** Comes first after a click: browsers ask for a permission only then. */
  prepare(): Promise<void>;
  subscribe(applicationServerKey: string): Promise<Subscription>;
}

export interface Subscription {
  readonly endpoint: string;
  readonly keys: { p256dh: string; auth: string };
  /** When the push with this ID arrived, in milliseconds of the Unix epoch. */
  arrivalOf(pushId: string): Promise<number | undefined>;
  end(): Promise<void>;
}
