// Tells the keys of a barcode scanner from a person's, wherever the focus is. A scanner types several characters within
// some milliseconds of each other, with Enter or Tab at the end. Times are those of the keys themselves, so a busy device
// takes no person for a scanner.

// Quiet after which a burst of keys has ended, ms; what keys changed is sent only then.
const PAUSE = 180;
const ENDS = new Set(["Enter", "Tab"]);
// Some scanners end with two keys, as for a line end of two characters: the second must press nothing, ms.
const AFTERWARDS = 400;
// Characters of a US keyboard by the place of the key: without and with Shift.
const US = {
  Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", Semicolon: ";:", Quote: "'\"",
  Backquote: "`~", Comma: ",<", Period: ".>", Slash: "/?", Space: "  ",
};
const SHIFTED_DIGITS = ")!@#$%^&*(";

let rules = { interval: 50, length: 4, prefix: "", suffix: "", layout: "host" };
let told = () => {};
let wanted = () => false;
const watchers = new Set();
let burst = null;
let last = -Infinity;
let scannedAt = -Infinity;
let timer = 0;

// `settings`: the `sample` part of the station's settings.
export function configure(settings) {
  const { scan_interval_ms: interval, scan_length: length, scan_prefix: prefix, scan_suffix: suffix, scan_layout: layout } = settings;
  rules = { interval, length, prefix: prefix ?? "", suffix: suffix ?? "", layout };
}

// Begins to listen. `scanned(text)` gets each scan, without prefix and suffix, while `active()`. A field with `data-scan`
// takes scans as text.
export function listen(scanned, active) {
  told = scanned;
  wanted = active;
  document.addEventListener("keydown", pressed, true);
  // A button is pressed when the space bar goes up.
  document.addEventListener("keyup", (event) => burst?.scan && swallow(event), true);
}

// `undo(since)` is called for each scan with the time of its first key, to take back what its first keys did. Returns a
// function that ends this.
export function watch(undo) {
  watchers.add(undo);
  return () => watchers.delete(undo);
}

// Resolves to whether a person typed the present burst, once that is known.
export const held = () => burst?.held ?? Promise.resolve(true);
// Whether the present key is the first of its burst.
export const first = () => burst?.keys === 1;

function swallow(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

function pressed(event) {
  const field = event.target;
  // A password is nobody's to look at, and ids are not scanned into it.
  if (event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || field?.type === "password") return;
  if (!wanted() || field?.dataset?.scan !== undefined) return;
  const letter = character(event);
  const ends = ENDS.has(event.key);
  if (letter === null && !ends && event.key !== "Backspace") return;
  if (ends && event.timeStamp - scannedAt < AFTERWARDS) return swallow(event);
  const known = burst?.open && event.timeStamp - last <= rules.interval;
  last = event.timeStamp;
  if (!known) begin(event.timeStamp, field);
  burst.keys += 1;
  clearTimeout(timer);
  if (ends) {
    if (burst.text.length >= rules.length) return swallow(event), end(true);
    burst.text = "";
  } else if (letter === null) {
    burst.text = "";
  } else {
    burst.text += letter;
    // In a field only the end tells: what was typed there is taken out then.
    burst.scan ||= burst.field === null && burst.text.length >= rules.length;
  }
  if (burst.scan) swallow(event);
  timer = setTimeout(quiet, PAUSE);
}

function begin(since, field) {
  end(false);
  const editable = field?.matches?.("input:not([type=checkbox]):not([type=file]), textarea, select") ? field : null;
  burst = { since, keys: 0, text: "", scan: false, open: true, field: editable, before: editable && kept(editable) };
  burst.held = new Promise((decide) => (burst.decide = decide));
}

function quiet() {
  // On a busy device the next key may be waiting already.
  if (navigator.scheduling?.isInputPending?.()) timer = setTimeout(quiet, PAUSE);
  // A scanner may be set to send no Enter.
  else end(burst.scan);
}

function end(scan) {
  clearTimeout(timer);
  if (!burst?.open) return;
  burst.open = false;
  burst.scan = false;
  burst.decide(!scan);
  if (!scan) return;
  scannedAt = last;
  if (burst.field) putBack(burst.field, burst.before);
  for (const undo of watchers) undo(burst.since);
  told(bare(burst.text));
}

function bare(text) {
  const from = rules.prefix && text.startsWith(rules.prefix) ? rules.prefix.length : 0;
  const to = rules.suffix && text.endsWith(rules.suffix) ? text.length - rules.suffix.length : text.length;
  return text.slice(from, Math.max(from, to)).trim();
}

// The character that a key types; null for keys that type none.
function character(event) {
  const { key, code, shiftKey } = event;
  if (rules.layout === "us") {
    if (/^Key[A-Z]$/.test(code)) return shiftKey ? code[3] : code[3].toLowerCase();
    if (/^Digit\d$/.test(code)) return shiftKey ? SHIFTED_DIGITS[code[5]] : code[5];
    if (code in US) return US[code][shiftKey ? 1 : 0];
  }
  if (key.length !== 1) return null;
  // Caps lock is meant for people; a scanner presses Shift itself.
  if (!event.getModifierState("CapsLock")) return key;
  return key === key.toUpperCase() ? key.toLowerCase() : key.toUpperCase();
}

// What a field holds, to put it back as it was.
function kept(field) {
  let selection = null;
  try {
    selection = field.selectionStart === null ? null : [field.selectionStart, field.selectionEnd];
  } catch {
    // Fields for numbers and dates have none.
  }
  return { value: field.value, selection };
}

function putBack(field, { value, selection }) {
  if (field.value === value) return;
  field.value = value;
  if (selection) field.setSelectionRange(...selection);
  field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
}
