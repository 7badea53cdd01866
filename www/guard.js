// A classic script. Before anything is painted it marks a page that shows one chapter alone, for its style; and it is for the
// visitors whom the page's modules cannot reach: an old browser, a file: address, a broken copy.
if (/[?&]embed(=|&|$)/.test(location.search)) document.documentElement.dataset.embed = '';

window.addEventListener('load', function () {
  if (document.documentElement.dataset.started) return remember(null);
  // A page that the browser has kept may name modules that the site, updated since, no longer has.
  if (location.protocol !== 'file:' && remember('yes')) return location.reload();
  var alert = document.getElementById('alert');
  alert.textContent = location.protocol === 'file:'
    ? 'Browsers do not run this page straight from a folder: serve it, for example with "unnoise serve", and open the address that it prints.'
    : 'The page could not be started: its scripts are missing, or this browser is too old for them. Please reload, or update the browser.';
  alert.classList.add('shown');

  /** Notes in this tab whether the page has been loaded anew; returns whether that is news. */
  function remember(reloaded) {
    try {
      var before = sessionStorage.getItem('unnoise.reloaded');
      if (reloaded) sessionStorage.setItem('unnoise.reloaded', reloaded);
      else sessionStorage.removeItem('unnoise.reloaded');
      return before !== reloaded;
    } catch (error) {
      return false; // storage may be forbidden
    }
  }
});
