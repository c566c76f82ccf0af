// Ways into the manual: a link beside what it explains, and the key ?.

import { h } from "./dom.js";
import { t } from "./words.js";

// Where each part of the page is explained.
const OF_VIEW = [
  [/^#\/session\/\d+\/gallery/, "cells"],
  [/^#\/session\//, "result"],
  [/^#\/(history|compare)/, "sessions"],
  [/^#\/settings/, "settings"],
  [/^#\/health/, "health"],
  [/^#\/practice/, "practice"],
  [/^#\/login/, "login"],
];
// A scanner types its characters closer together than this, ms; a ? among them is no question.
const ALONE = 200;

export const help = (anchor) =>
  h("a", { class: "help", href: `#/manual/${anchor}`, "aria-label": t("manual.about"), title: t("manual.about") }, "?");

const anchorOf = (hash) => (OF_VIEW.find(([pattern]) => pattern.test(hash)) ?? [null, "live"])[1];

// The manual's part about what is shown now.
export const here = () => `#/manual/${anchorOf(location.hash)}`;

export function listen() {
  let before = -Infinity;
  let timer = 0;
  addEventListener("keydown", (event) => {
    const since = event.timeStamp - before;
    before = event.timeStamp;
    clearTimeout(timer);
    if (event.key !== "?" || since < ALONE || event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    // Where text is typed, and before a dialog, ? is a letter.
    if (event.target.closest?.("input, textarea, select, dialog") || document.querySelector("dialog[open]")) return;
    if (location.hash.startsWith("#/manual")) return;
    timer = setTimeout(() => (location.hash = here()), ALONE);
  }, true);
}
