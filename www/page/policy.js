// Trusted Types: nothing here makes HTML or code of text, and workers are started from the site's own files alone.

const SITE = new URL('.', document.baseURI).href;

globalThis.trustedTypes?.createPolicy('default', {
  createScriptURL: (url) => (new URL(url, SITE).href.startsWith(SITE) ? url : null),
});
