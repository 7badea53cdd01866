// Where it is computed: the visitor's choice, and what was measured.

import { writeQuery } from './address.js';
import { ms } from './format.js';
import { say } from './notices.js';

const note = document.getElementById('backend-note');
const radios = [...document.querySelectorAll('#backend-choice input')];

const NAME = { cpu: 'CPU', webgpu: 'WebGPU' };
export const backendName = (backend) => NAME[backend];

/** `loading(promise)` shows the progress of a backend that is being loaded. */
export function bindBackend(unnoise, loading) {
  const show = () => {
    for (const radio of radios) radio.checked = radio.value === unnoise.choice;
    const { cpu, webgpu, reason } = unnoise.measured;
    const figures = cpu !== null && webgpu !== null ? ` Measured: CPU ${ms(cpu)}, WebGPU ${ms(webgpu)} a call.` : '';
    note.textContent = unnoise.choice === 'auto' ? reason : `${NAME[unnoise.backend]} is used because it was asked for.${figures}`;
  };
  unnoise.addEventListener('measured', show);
  unnoise.addEventListener('backend', show);
  for (const radio of radios) {
    radio.onchange = async () => {
      note.textContent = `${radio.value === 'webgpu' ? 'WebGPU' : 'The engine'} is being loaded.`;
      try {
        await loading(unnoise.use(radio.value));
        writeQuery('backend', radio.value === 'auto' ? null : radio.value);
      } catch (error) {
        say(`${error.message} ${NAME[unnoise.backend]} goes on.`);
      }
      show();
    };
  }
  show();
}
