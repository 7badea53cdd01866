// What a speaker wants to have before them, chapter by chapter: what to show, what to ask, what to say.

export const NOTES = {
  generate: [
    'Restart, and go step by step. Ask before each: which digit will it be?',
    'Left is the picture, right what the network sees in it: the right one is a whole digit from the first step on, only blurred.',
    'Change the seed: another digit of the same kind. Change the digit, keep the seed: what stays?',
    'Two steps, then twenty: what is lost by haste?',
  ],
  scorer: [
    'f says how much a picture looks like a digit. Which pixel would you brighten? Then show the gradient.',
    'Climb step by step: the same picture, a little more a digit each time.',
    'Tell f always the same amount of noise: the climb fails. Why?',
    'Let somebody draw a digit, ask f, and improve it.',
  ],
  noise: [
    'One network sees how much noise there is, another which noise. Drag the amount: the first one follows.',
    'Picture minus noise is the digit again: so to know the noise is to know the picture.',
  ],
  schedule: [
    'Drag along the curve: at which t can the class no longer read the digit?',
    'The same network told t, not told, and told a guess: less is lost than one would think.',
  ],
  guidance: [
    'Two answers to one picture: with the digit and without. The difference is what the digit means here.',
    'Turn it up: surer, and all alike. Turn it to 1: freer, and sometimes wrong.',
  ],
  vae: [
    '12,288 numbers become 256, and a picture again. What is lost?',
    'Change one number of the latent; walk from one digit to another.',
  ],
  clip: [
    'Each row is a picture, each column a sentence: the diagonal should win. Find one that does not.',
    'Let the class dictate a sentence.',
  ],
  text: [
    'All that came before at once: CLIP reads, the U-Net denoises the latent, the autoencoder draws.',
    'Let the class dictate; ask for inks and papers. Then ask for something that it never saw.',
  ],
  samplers: [
    'The same network, other steps: who is nearest to the converged answer after 5 calls, after 10?',
    'The descent: subtract c times the noise, add momentum. It is an optimiser.',
  ],
  training: [
    'Train it live: the loss falls at once, the digits come later.',
    'Let the class draw what it learns from.',
  ],
};
