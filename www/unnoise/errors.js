// Errors, and the sentences that they are made of.

/** An error whose message is a sentence for the visitor. `code`: 'settings', 'weights', 'webgpu', 'engine' or 'browser'. */
export class UnnoiseError extends Error {
  name = 'UnnoiseError';

  /**
   * @param {import('./unnoise.js').ErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The message of whatever was thrown. @returns {string} */
export const messageOf = (error) => error?.message ?? String(error);

/** A sentence as part of another one. @returns {string} */
export const clause = (text) => String(text).trim().replace(/\.+$/, '');

/** @param {string} text */
export const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** A backend in the middle of a sentence. */
export const LABEL = { cpu: 'the CPU', webgpu: 'WebGPU' };
