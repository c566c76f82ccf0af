// The page's texts in the reader's language. A catalogue is a flat list of texts with {names} in them.

import { inZone } from "./zone.js";

let texts = {};
let tag = "en";

// Loads a language. The station fills texts missing from its catalogue with English.
export async function load(language) {
  texts = (await catalogue(language)) ?? (await catalogue("en")) ?? texts;
  tag = language;
  document.documentElement.lang = language;
}

async function catalogue(language) {
  try {
    const response = await fetch(`/assets/languages/${language}.json`);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

export const knows = (key) => key in texts;

export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return new Intl.NumberFormat(tag, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

// A share (0..1) as percent, with a no-break space before the sign.
export const share = (value) => (value === null || value === undefined ? "–" : `${number(value * 100)}\u00a0%`);

// A time in the station's zone, the same on the page and on paper.
export function date(time) {
  if (!time) return "–";
  return inZone(time);
}

export const className = (code) => t(`class.${code}`);
export const shortName = (code) => t(`short.${code}`);
export const flagName = (flag) => t(`flag.${flag}`);
export const statusName = (status) => t(`status.${status}`);
export const roleName = (role) => t(`role.${role}`);
// A language's own name for itself.
export function languageName(language) {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(language) ?? language;
  } catch {
    return language;
  }
}
