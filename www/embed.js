// An instrument of this site in any other page:
//
//   <script type="module" src="https://…/embed.js"></script>
//   <unnoise-player chapter="scorer" digit="3" seed="7"></unnoise-player>
//
// Attributes: `chapter`, as in the site's `?embed=`, without it the generator; `hide`, what of it is not shown; `theme`, light or
// dark, without it as the text around is dark or light; `src`, the site's address, where it is not this script's folder. All
// others are settings of the chapter, as its links have them behind their '#'. They can be changed at any time.
//
// Events: `step`, with { of, step, steps }, and `state`, with { of, state, settings }, when something plays, pauses or is set;
// `of` is the id of the part of the chapter. `settings` is what is set at the moment.
//
// In its shadow root is a frame of the site, which talks to this element through a port (page/embedded.js). So what is typed
// there stays there; keys that mean nothing to it are this page's, as keyboard events of this element.

const HERE = new URL('.', import.meta.url).href;
const NAME = 'unnoise-player';
const CHAPTER = 'generate';
/** Attributes that are no settings. */
const OTHER = /^(chapter|theme|src|class|id|style|hidden|slot|lang|dir|title|tabindex|role|nonce|(data|aria)-.*|on.*)$/;
/** A frame of unknown height. */
const HEIGHT = '22rem';
/** Each frame has an engine of its own: those that were seen longest ago are emptied, and come back as they were. */
const MOST_AT_WORK = 4;
/** In a deck of reveal.js all slides lie on top of each other: what is around an element whose turn it is not. */
const AWAY = '.reveal .slides section:not(.present), .reveal .fragment:not(.visible)';
const DECK_EVENTS = ['ready', 'slidechanged', 'fragmentshown', 'fragmenthidden'];

/** A policy against inline styles has nothing against these. */
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host { display: block; }
  :host([hidden]) { display: none; }
  iframe { display: block; width: 100%; height: ${HEIGHT}; border: 0; background: none; }
  iframe:not(.shown) { opacity: 0; }
`);

/** Those with a frame at work, in the order in which they were seen. */
const atWork = new Set();

function newFrame() {
  const frame = document.createElement('iframe');
  frame.allow = 'clipboard-write';
  return frame;
}

class UnnoisePlayer extends HTMLElement {
  #frame = newFrame();
  #port = null;
  /** What the frame was last like: its parameters behind the '#', and what is set of its chapter. */
  #parameters = null;
  #settings = {};
  #inSight = false;
  #sight = new IntersectionObserver((entries) => {
    this.#inSight = entries.at(-1).isIntersecting;
    this.#look();
  });
  #attributes = new MutationObserver((records) => this.#change(new Set(records.map(({ attributeName }) => attributeName))));

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#frame);
  }

  /** What is set, as texts: that of the frame, once it has told. */
  get settings() {
    return { ...this.#settings };
  }

  connectedCallback() {
    this.#sight.observe(this);
    this.#attributes.observe(this, { attributes: true });
    addEventListener('message', this.#hear);
    for (const type of DECK_EVENTS) document.addEventListener(type, this.#look);
  }

  disconnectedCallback() {
    this.#sight.disconnect();
    this.#attributes.disconnect();
    removeEventListener('message', this.#hear);
    for (const type of DECK_EVENTS) document.removeEventListener(type, this.#look);
    this.#inSight = false;
    this.#empty();
  }

  // --- what is shown ---

  get #site() {
    return new URL(this.getAttribute('src') ?? HERE, document.baseURI);
  }

  get #chapter() {
    return this.getAttribute('chapter') ?? CHAPTER;
  }

  /** What an attribute's name is in the address. */
  #key(name) {
    const [chapter] = this.#chapter.split('-');
    return name === 'hide' || chapter === CHAPTER ? name : `${chapter}.${name}`;
  }

  /** The parameter that an attribute stands for. */
  #parameter(name) {
    const value = this.getAttribute(name);
    if (name !== 'hide' || value === null) return [this.#key(name), value];
    const [chapter] = this.#chapter.split('-');
    const names = value.split(/[\s,]+/).filter(Boolean).map((each) => (each.includes('.') || chapter === CHAPTER ? each : `${chapter}.${each}`));
    return ['hide', names.join(',') || null];
  }

  get #theme() {
    return this.getAttribute('theme') ?? (isLight(getComputedStyle(this).color) ? 'dark' : 'light');
  }

  #open() {
    const url = new URL(this.#site);
    const theme = this.#theme;
    url.searchParams.set('embed', this.#chapter);
    url.searchParams.set('theme', theme);
    const own = this.getAttributeNames().filter((name) => !OTHER.test(name)).map((name) => this.#parameter(name)).filter(([, value]) => value !== null);
    url.hash = this.#parameters ?? new URLSearchParams(own);
    this.#frame.title = this.getAttribute('aria-label') ?? `unnoise: ${this.#chapter}`;
    this.#dress(theme);
    this.#frame.src = url;
  }

  /** A frame is transparent where its colour scheme is that of the page in it. */
  #dress(theme) {
    this.#frame.style.colorScheme = theme;
    this.#port?.postMessage({ theme });
  }

  #change(names) {
    if (names.has('chapter') || names.has('src')) {
      this.#parameters = null;
      this.#empty();
      return this.#look();
    }
    if (names.has('theme')) this.#dress(this.#theme);
    const set = Object.fromEntries([...names].filter((name) => !OTHER.test(name)).map((name) => this.#parameter(name)));
    if (Object.keys(set).length === 0) return;
    if (this.#port) return this.#port.postMessage({ set });
    // It begins anew, when it is seen.
    this.#parameters = null;
    this.#empty();
    this.#look();
  }

  // --- who looks ---

  /** Begins when it is seen first, and pauses when it is not. */
  #look = () => {
    const seen = this.#isSeen;
    this.#port?.postMessage({ away: !seen });
    if (!seen) return;
    atWork.delete(this);
    atWork.add(this);
    if (this.#frame.src) this.#dress(this.#theme);
    else this.#open();
    const spare = atWork.size > MOST_AT_WORK && [...atWork].find((other) => !other.#isSeen);
    if (spare) spare.#empty();
  };

  get #isSeen() {
    return this.#inSight && !this.closest(AWAY);
  }

  /** Ends what is at work; its place stays as high as it is. A frame that is led elsewhere would be a step for Back. */
  #empty() {
    atWork.delete(this);
    this.#port?.close();
    this.#port = null;
    const empty = newFrame();
    empty.style.height = this.#frame.style.height;
    this.#frame.replaceWith(empty);
    this.#frame = empty;
  }

  // --- the frame ---

  #hear = ({ source, origin, data }) => {
    const { origin: own } = this.#site;
    if (source !== this.#frame.contentWindow || origin !== own || data?.unnoise !== 'here') return;
    const { port1, port2 } = new MessageChannel();
    this.#port?.close();
    this.#port = port1;
    port1.onmessage = ({ data }) => this.#take(data);
    source.postMessage({ unnoise: 'port' }, own, [port2]);
    this.#frame.classList.add('shown');
    this.#look();
  };

  #take({ height, step, state, address, key, release }) {
    if (height) this.#frame.style.height = `${height}px`;
    if (step) this.#tell('step', step);
    if (state) {
      this.#parameters = address;
      this.#settings = state.settings;
      this.#tell('state', state);
    }
    if (key) this.dispatchEvent(new KeyboardEvent('keydown', { ...key, bubbles: true, composed: true, cancelable: true }));
    if (release) this.#frame.blur();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Whether a colour is a light one. */
function isLight(colour) {
  const context = new OffscreenCanvas(1, 1).getContext('2d');
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return red + green + blue > 1.5 * 255;
}

// Twice in a page is once; and the speaker's view of a deck, which shows its slides in frames, has no need to compute them.
if (!customElements.get(NAME) && !/[?&]receiver/.test(location.search)) customElements.define(NAME, UnnoisePlayer);
