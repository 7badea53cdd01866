import Notes from './notes.mjs';
import Reveal from './reveal.mjs';

new Reveal({
  hash: true,
  width: 1280,
  height: 740,
  margin: 0.03,
  center: false,
  transition: 'none',
  slideNumber: 'c/t',
  plugins: [Notes],
}).initialize();
