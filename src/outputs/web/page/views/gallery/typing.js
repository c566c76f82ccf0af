// Tells the keys of a barcode scanner from a person's. A scanner types several keys within some milliseconds of each
// other, most often with Enter or Tab at the end. What keys change is held back until they pause.

// Keys closer together than this, ms, belong to one burst. Scanners type a key in 1 to 50 ms, a busy device adds to that,
// and nobody looks at cells this fast.
const FAST = 150;
// Quiet after which a burst has ended, ms.
const PAUSE = 180;
// Characters before Enter, and characters without a use, from which on a burst is a scan. Enter alone, pressed again and
// again, confirms cell after cell.
const BEFORE_ENTER = 2;
const UNBOUND = 3;

const ENDS = new Set(["Enter", "Tab"]);

// `isBound(key)`: whether a person has a use for the key here. `scanned(since)` is called once for each scan, with the
// time of its first key as in `event.timeStamp`.
export function typing(isBound, scanned) {
  let burst = null;
  let last = -Infinity;
  let timer = 0;

  function begin() {
    burst = { since: last, keys: 0, characters: 0, unbound: false, scan: false, open: true };
    burst.held = new Promise((decide) => (burst.decide = decide));
  }

  function end(scan) {
    clearTimeout(timer);
    if (!burst?.open) return;
    burst.open = false;
    burst.scan = scan;
    burst.decide(!scan);
    if (scan) scanned(burst.since);
  }

  function quiet() {
    // On a busy device the next key may be waiting already.
    if (navigator.scheduling?.isInputPending?.()) timer = setTimeout(quiet, PAUSE);
    // A scanner may be set to send no Enter; nobody types several keys without a use that fast.
    else end(burst.unbound && burst.keys >= UNBOUND);
  }

  // Takes a key. False if it belongs to a scan and must do nothing.
  function take({ key, timeStamp, repeat }) {
    if (repeat || !(key.length === 1 || key === "Backspace" || ENDS.has(key))) return true;
    // A burst that was decided already, on a busy device, is not changed any more; the rest of it is one of its own.
    if (burst === null || timeStamp - last >= FAST || !(burst.open || burst.scan)) {
      end(false);
      last = timeStamp;
      begin();
    }
    last = timeStamp;
    burst.keys += 1;
    if (ENDS.has(key)) {
      if (burst.characters >= BEFORE_ENTER) end(true);
      burst.characters = 0;
    } else {
      burst.characters += 1;
      burst.unbound ||= !isBound(key);
    }
    clearTimeout(timer);
    if (burst.open) timer = setTimeout(quiet, PAUSE);
    return !burst.scan;
  }

  // Resolves to whether a person typed the present burst, once that is known.
  const held = () => burst?.held ?? Promise.resolve(true);

  return { take, held, first: () => burst?.keys === 1, end: () => end(false) };
}
