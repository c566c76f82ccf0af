// Tells the keys of a barcode scanner from a person's. A scanner types several keys within some milliseconds of each
// other, most often with Enter or Tab at the end. What keys change is held back until they pause.

// Keys closer together than this, ms, belong to one burst.
const FAST = 80;
// Quiet after which a burst has ended, ms.
const PAUSE = 100;
// Keys in a burst from which on it may be a scan.
const SEVERAL = 3;

const ENDS = new Set(["Enter", "Tab"]);

// `isBound(key)`: whether a person has a use for the key here. `scanned()` is called once for each scan.
export function typing(isBound, scanned) {
  let burst = null;
  let last = -Infinity;
  let timer = 0;

  function begin() {
    burst = { keys: 0, unbound: false, scan: false, open: true };
    burst.held = new Promise((decide) => (burst.decide = decide));
  }

  function end(scan) {
    clearTimeout(timer);
    if (!burst?.open) return;
    burst.open = false;
    burst.scan = scan;
    burst.decide(!scan);
    if (scan) scanned();
  }

  function quiet() {
    // On a busy device the next key may be waiting already.
    if (navigator.scheduling?.isInputPending?.()) timer = setTimeout(quiet, PAUSE);
    // A scanner may be set to send no Enter; nobody types several keys without a use that fast.
    else end(burst.unbound && burst.keys >= SEVERAL);
  }

  // Takes a key. False if it belongs to a scan and must do nothing.
  function take({ key, timeStamp, repeat }) {
    if (repeat || !(key.length === 1 || key === "Backspace" || ENDS.has(key))) return true;
    if (burst === null || timeStamp - last >= FAST) {
      end(false);
      begin();
    }
    last = timeStamp;
    burst.keys += 1;
    burst.unbound ||= !ENDS.has(key) && !isBound(key);
    if (burst.open && ENDS.has(key) && burst.keys >= SEVERAL) end(true);
    clearTimeout(timer);
    if (burst.open) timer = setTimeout(quiet, PAUSE);
    return !burst.scan;
  }

  // Resolves to whether a person typed the present burst, once that is known.
  const held = () => burst?.held ?? Promise.resolve(true);

  return { take, held, first: () => burst?.keys === 1, end: () => end(false) };
}
