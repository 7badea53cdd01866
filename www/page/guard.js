// A classic script, for the visitors whom the page's modules cannot reach: an old browser, a file: address, a broken copy.
window.addEventListener('load', function () {
  if (document.documentElement.dataset.started) return;
  var alert = document.getElementById('alert');
  alert.textContent = location.protocol === 'file:'
    ? 'Browsers do not run this page straight from a folder: serve it, for example with "unnoise serve", and open the address that it prints.'
    : 'The page could not be started: its scripts are missing, or this browser is too old for them. Please reload, or update the browser.';
  alert.classList.add('shown');
});
