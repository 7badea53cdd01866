#!/usr/bin/env bash
# Vite 8.3.8: new URL('.', import.meta.url) in a package's main module, which is the folder that the module lies in,
# becomes a data: address that holds the text of the module itself. Nothing can be found beside that.
# In the site's own source the same expression is left alone.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
echo '{ "name": "site", "version": "1.0.0", "type": "module" }' >package.json
npm install --silent --no-audit --no-fund vite@8.3.8
mkdir node_modules/beside
echo '{ "name": "beside", "version": "1.0.0", "type": "module", "main": "index.js" }' >node_modules/beside/package.json
echo "export const folder = new URL('.', import.meta.url).href;" >node_modules/beside/index.js
echo "import { folder } from 'beside'; console.log(folder, new URL('.', import.meta.url).href);" >main.js
echo '<script type="module" src="./main.js"></script>' >index.html
npx vite build --logLevel error
text=$(grep -oh 'data:text/javascript;base64,[A-Za-z0-9+/=]*' dist/assets/*.js | head -1)
echo "vite 8.3.8: the folder is ${text:-an address}"
[ "$(echo "${text#*,}" | base64 -d)" = "$(cat node_modules/beside/index.js)" ]
