/** Events of a channel that were missed and cannot be had any more: load the state of the channel anew. */
export interface Gap {
  channel: string;
  /**
   * expired: older than what the server keeps; epoch: its history began anew; limit: too many or too large;
   * invalid: no position of its; unavailable: what keeps the history is out of reach; unsupported: the server keeps
   * no history of the channel any more.
   */
  reason: "expired" | "epoch" | "limit" | "invalid" | "unavailable" | "unsupported";
}

/** What is needed of a Storage. */
export interface PositionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface ResumeOptions {
  /** Where positions are kept besides memory, such as sessionStorage: to come back after a page was loaded anew. */
  storage?: PositionStorage | null;
}

/** What is needed of a Pusher: of pusher-js 4 to 8. */
export interface ResumablePusher {
  connection: object;
  subscribe(channel: string): object;
  unsubscribe(channel: string): void;
}

/**
 * Lets this client, and no other, come back where it was when its connection is lost. Call it right after
 * `new Pusher(...)`. Gaps are told as `revurb:gap`, with a Gap, to what is bound on the pusher and on the channel.
 * Returns the pusher.
 */
export function resume<P extends ResumablePusher>(pusher: P, options?: ResumeOptions): P;
