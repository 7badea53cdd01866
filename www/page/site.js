// Whether the site is still the one that this page came from.

/** Where this page's modules lie: build.sh names the folder by what is in it. */
const FOLDER = new URL('..', import.meta.url).pathname.split('/').at(-2);
/** A newer version that is not there by then is left to the browser. */
const PATIENCE_MS = 20_000;

/** Whether the site has another page by now, with other modules. */
export async function isOutdated() {
  try {
    const response = await fetch(location.href, { cache: 'no-cache' });
    return response.ok && !(await response.text()).includes(`${FOLDER}/page/`);
  } catch {
    return false;
  }
}

/** Loads the newest page there is; what is set stands in the address. */
export async function reload() {
  try {
    await takeNewest();
  } finally {
    location.reload();
  }
}

/** Lets a newer version of the service worker, where the page is kept by one, take over. */
async function takeNewest() {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (!registration?.active) return;
  await registration.update();
  const newer = registration.installing ?? registration.waiting;
  if (!newer) return;
  await new Promise((resolve) => {
    const look = () => {
      if (newer.state === 'installed') newer.postMessage('take over');
      else if (newer.state !== 'installing') resolve(); // at work, or of no use
    };
    newer.addEventListener('statechange', look);
    setTimeout(resolve, PATIENCE_MS);
    look();
  });
}
