// The player in a notebook: what anywidget loads as a text. Settings come from Python as traits, and frames go back.
//
//   here -> Python   {kind: 'want', file}                             a file of the library's: nothing lies beside a text
//   Python -> here   {kind: 'file', file, error}  [bytes, by gzip]    an answer, for whoever has asked
//   here -> Python   {kind: 'frame', run, step, …} [x, denoised, …]   each as soon as it is there
//                    {kind: 'end', run, asked, count, settings}       that was all of them
//                    {kind: 'refused', asked, sentence}               or there are none
//   Python -> here   {kind: 'kept', run}                              all have come, in whatever order

import { Drawing } from './drawing.js';
import { View } from './view.js';

/** Drawings by their models' keys: anywidget hands over another object of the model to each of the two. */
const drawings = new Map();

export default {
  initialize({ model }) {
    const key = model.get('key');
    const drawing = new Drawing(model);
    drawings.set(key, drawing);
    return () => {
      drawing.close();
      drawings.delete(key);
    };
  },

  render({ model, el }) {
    const view = new View(drawings.get(model.get('key')), el);
    return () => view.close();
  },
};
