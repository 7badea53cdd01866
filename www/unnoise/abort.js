// What an AbortSignal does to a promise.

/**
 * Rejects when the signal aborts; what arrives afterwards goes to `discard`.
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal | undefined} signal
 * @param {(value: T) => void} [discard]
 * @returns {Promise<T>}
 */
export function abortable(promise, signal, discard = () => {}) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason);
      promise.then(discard, () => {});
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
