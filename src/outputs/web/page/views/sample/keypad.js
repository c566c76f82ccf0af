// Keys on the screen for a panel without a keyboard, large enough for gloves.

import { fill, h } from "../../dom.js";
import { t } from "../../words.js";

const DIGITS = [..."1234567890"];
const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];

// The characters that an id may hold by the laboratory's pattern, other than digits. It is read as people write it:
// letters, ranges and classes; whatever else it may mean, no key is missing that the pattern names.
export function others({ pattern, check_digit: check }) {
  if (pattern === "") return check === "luhn" || check === "mod11" ? (check === "mod11" ? ["X"] : []) : [...LETTERS, "-", "/", "."];
  const found = new Set(check === "mod37-2" ? [...LETTERS, "*"] : []);
  const text = pattern.replace(/\{[^}]*\}/g, "").replace(/\\[dD]/g, "");
  if (/\\w|\[\[:(alpha|alnum|upper):\]\]|\\p|(^|[^\\])\./.test(text)) for (const one of LETTERS) found.add(one);
  for (const [, from, to] of text.matchAll(/([A-Za-z])-([A-Za-z])/g))
    for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code += 1) found.add(String.fromCharCode(code));
  const single = text.replace(/\\[a-zA-Z]/g, "").replace(/[A-Za-z0-9]-[A-Za-z0-9]/g, "").replace(/\\(.)/g, "$1");
  for (const one of single) if (/[A-Za-z\-/_ :]/.test(one)) found.add(one);
  return [...found].sort((a, b) => a.localeCompare(b));
}

// `target()` is the field to type into.
export function keypad(rules, target) {
  const more = others(rules);
  const keys = h("div", { class: "keys" });
  const element = h("div", { class: "keypad", role: "group", "aria-label": t("keypad.label") }, keys);
  let letters = false;

  function type(change) {
    const field = target();
    if (field.disabled) return;
    field.value = change(field.value).slice(0, field.maxLength > 0 ? field.maxLength : undefined);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const key = (text, action, label) =>
    h("button", { class: "button key", type: "button", "aria-label": label, on: { click: action } }, text);

  function draw() {
    const these = letters ? more : [...DIGITS, "."];
    keys.classList.toggle("letters", letters);
    fill(keys,
      these.map((one) => key(one === " " ? "␣" : one, () => type((value) => value + one), one === " " ? t("keypad.space") : null)),
      key("⌫", () => type((value) => value.slice(0, -1)), t("keypad.back")),
      more.length > 0 && key(letters ? "123" : "ABC", () => ((letters = !letters), draw()), t(letters ? "keypad.digits" : "keypad.letters")));
  }
  draw();
  return element;
}
