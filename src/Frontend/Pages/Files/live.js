// Follows what runs in a conversation, without asking for it again and again.
import { Refused, streamEvents } from './server.js';

// How soon a stream that broke or ended is opened again.
const AGAIN_MS = 1000;

/** Calls `told` with each turn that runs or has just ended, until the signal says stop. */
export async function follow(path, signal, told) {
  while (!signal.aborted) {
    try {
      for await (const { turn } of streamEvents(path, { signal })) if (turn) told(turn);
    } catch (error) {
      // A key that opens it no more, or a conversation that is gone, stays so.
      if (signal.aborted || (error instanceof Refused && error.status < 429)) return;
    }

    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
  }
}
